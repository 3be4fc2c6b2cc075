# Survival of the 52 patients of Fandrei et al., Blood Cancer Discovery 2024, from the authors' own sheet, as one CSV:
#   what, group, term, months, value
# It knows nothing of mspike: columns pfs, status, os, death, progression, Product, EMD, time_apheresis_cart as found.
# Command: Rscript --vanilla study52.R ../../../../shared/data/fandrei2024/sheet_clin_data.csv > recorded_study52.csv
# recorded_study52.csv was made with R 4.2.2 and survival 3.5.3 (Debian 12). Months are 365.25 / 12 days.
suppressMessages(library(survival))
d <- read.csv(commandArgs(trailingOnly = TRUE)[1], check.names = FALSE)
d$product <- tolower(d$Product)
d$emd <- ifelse(is.na(d$EMD), "not known", ifelse(d$EMD == 1, "yes", "no"))
months <- c(6, 12, 24)
cat("what,group,term,months,value\n")
say <- function(what, group, term, month, value)
  cat(sprintf("%s,%s,%s,%s,%s\n", what, group, term, ifelse(is.na(month), "", month),
              ifelse(is.na(value), "", formatC(value, digits = 15, format = "g", width = 1))), sep = "")

curve <- function(what, group, surv) {
  fit <- survfit(surv ~ 1, conf.type = "log-log")
  told <- summary(fit)$table
  say(what, group, c("n", "events", "median", "median_low", "median_high"), NA,
      c(length(surv), told[c("events", "median", "0.95LCL", "0.95UCL")]))
  at <- summary(fit, times = months * 365.25 / 12, extend = TRUE)
  followed <- months * 365.25 / 12 <= max(fit$time)  # behind the follow-up nothing is said
  for (name in c("n.risk", "surv", "lower", "upper"))
    say(what, group, name, months, ifelse(name == "n.risk" | followed, at[[name]], NA))
}

pfs <- Surv(d$pfs, d$status); os <- Surv(d$os, d$death)
curve("pfs", "All patients", pfs); curve("os", "All patients", os)
for (by in c("product", "emd")) {
  for (group in sort(unique(d[[by]]))) {
    own <- d[[by]] == group
    curve(paste0("pfs_by_", by), group, pfs[own]); curve(paste0("os_by_", by), group, os[own])
  }
  known <- d[[by]] != "not known"
  for (name in c("pfs", "os")) {
    test <- survdiff(get(name)[known] ~ d[[by]][known])
    say(paste0(name, "_by_", by), "", c("n", "chi_square", "df"), NA, c(sum(test$n), test$chisq, length(test$n) - 1))
  }
}
follow <- summary(survfit(Surv(d$os, 1 - d$death) ~ 1, conf.type = "log-log"))$table
say("follow_up", "All patients", c("median", "median_low", "median_high"), NA, follow[c("median", "0.95LCL", "0.95UCL")])
wait <- d$time_apheresis_cart
curve("pfs_from_apheresis", "All patients", Surv(wait, d$pfs + wait, d$status))
curve("os_from_apheresis", "All patients", Surv(wait, d$os + wait, d$death))

state <- factor(ifelse(d$status == 0, 0, ifelse(d$progression == 1, 1, 2)), 0:2)
fit <- survfit(Surv(d$pfs, state) ~ 1, conf.type = "log-log")
at <- summary(fit, times = months * 365.25 / 12)
for (cause in 1:2)
  for (name in c("pstate", "lower", "upper"))
    say(c("progression", "non_relapse_death")[cause], "All patients", name, months, at[[name]][, cause + 1])
