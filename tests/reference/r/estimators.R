# Estimates of survival and of its comparisons, from the literal data of sets.csv (SYNTHETIC), as one CSV:
#   set, what, term, day, value
# Command: Rscript --vanilla estimators.R sets.csv [myeloma.csv] > recorded.csv
# recorded.csv was made with R 4.2.2, survival 3.5.3 and cmprsk 2.2.11 (Debian 12), without the second argument;
# recorded_myeloma.csv with it alone: Rscript --vanilla estimators.R - ../../../../shared/samples/r_survival/myeloma.csv
suppressMessages({library(survival); library(cmprsk)})
arguments <- commandArgs(trailingOnly = TRUE)
cat("set,what,term,day,value\n")
say <- function(set, what, term, day, value)
  cat(sprintf("%s,%s,%s,%s,%s\n", set, what, term, ifelse(is.na(day), "", day),
              ifelse(is.na(value), "", formatC(value, digits = 15, format = "g", width = 1))), sep = "")

curve <- function(set, what, surv) {
  fit <- survfit(surv ~ 1, conf.type = "log-log")
  left <- fit$n.event + fit$n.censor > 0  # R keeps rows for entries, too
  for (name in c("n.risk", "n.event", "n.censor", "surv", "lower", "upper"))
    say(set, what, name, fit$time[left], fit[[name]][left])
  say(set, what, c("median", "median_low", "median_high"), NA,
      summary(fit)$table[c("median", "0.95LCL", "0.95UCL")])
}

incidence <- function(set, d) {
  fit <- survfit(Surv(d$days, factor(d$cause, 0:2)) ~ 1, conf.type = "log-log")
  grey <- if (any(d$cause > 0)) cuminc(d$days, d$cause)  # it fails where there is no event
  for (cause in 1:2) {
    column <- which(fit$states == cause)
    for (name in c("pstate", "lower", "upper"))
      say(set, paste0("incidence_", cause), name, fit$time, fit[[name]][, column])
    if (paste("1", cause) %in% names(grey))
      say(set, paste0("cmprsk_", cause), "pstate", fit$time, timepoints(grey, fit$time)$est[paste("1", cause), ])
  }
}

hazards <- function(set, what, surv, x) {
  fit <- coxph(surv ~ ., data = x, ties = "efron")
  limits <- summary(fit)$conf.int
  say(set, what, paste0("ratio_", names(x)), NA, limits[, 1])
  say(set, what, paste0("low_", names(x)), NA, limits[, 3])
  say(set, what, paste0("high_", names(x)), NA, limits[, 4])
  say(set, what, paste0("p_", names(x)), NA, summary(fit)$coefficients[, 5])
  check <- cox.zph(fit, terms = FALSE)$table
  say(set, what, paste0("ph_", c(names(x), "all")), NA, check[, "p"])
}

# Firth's penalty written from its definition: Efron's log-likelihood and information come from coxph without a step.
penalised <- function(b, surv, x) {
  fit <- coxph(surv ~ x, init = b, control = coxph.control(iter.max = 0), ties = "efron")
  fit$loglik[length(fit$loglik)] - 0.5 * log(det(as.matrix(fit$var)))
}
firth <- function(set, surv, x) {
  best <- optimize(penalised, c(-10, 10), surv, x, maximum = TRUE, tol = 1e-10)
  drop <- function(b) penalised(b, surv, x) - best$objective + qchisq(0.95, 1) / 2
  limits <- c(uniroot(drop, c(-12, best$maximum), tol = 1e-10)$root, uniroot(drop, c(best$maximum, 12), tol = 1e-10)$root)
  say(set, "firth", c("ratio", "low", "high"), NA, exp(c(best$maximum, limits)))
  say(set, "firth", "p", NA, pchisq(2 * (best$objective - penalised(0, surv, x)), 1, lower.tail = FALSE))
}

# Follow-up cut at the day the exposure began; one that began on the last day or later never counts.
switching <- function(set, d) {
  began <- !is.na(d$started) & d$started < d$days
  zero <- began & d$started == 0
  before <- with(d[!zero, ], data.frame(start = 0, stop = ifelse(began[!zero], started, days), exposed = 0, x = x,
                                        event = ifelse(began[!zero], 0, cause > 0)))
  since <- with(d[began, ], data.frame(start = started, stop = days, event = as.numeric(cause > 0), exposed = 1, x = x))
  both <- rbind(before, since)
  hazards(set, "switch", Surv(both$start, both$stop, both$event), both[c("exposed", "x")])
}

if (arguments[1] != "-") {
  sets <- read.csv(arguments[1])
  for (set in unique(sets$set)) {
    d <- sets[sets$set == set, ]
    event <- as.numeric(d$cause > 0)
    columns <- data.frame(group = as.numeric(d$group == "b"), x = d$x)
    delayed <- any(d$entry > 0)
    surv <- if (delayed) Surv(d$entry, d$days, event) else Surv(d$days, event)
    curve(set, "km", surv)
    if (!delayed) {
      curve(set, "reverse", Surv(d$days, 1 - event))
      incidence(set, d)
    }
    if (set %in% c("ties", "all", "half", "apart"))
      say(set, "logrank", "statistic", NA, survdiff(surv ~ d$group)$chisq)
    # survdiff takes no delayed entry; the score test of the exact likelihood is the same test.
    if (set == "late") say(set, "logrank", "statistic", NA, coxph(surv ~ d$group, ties = "exact")$score)
    if (set %in% c("ties", "late", "all")) hazards(set, "cox", surv, columns)
    if (set %in% c("ties", "apart")) firth(set, surv, columns$group)
    if (set == "ties") switching(set, d[d$days > 0, ])
  }
  for (pair in list(c(8, 13), c(0, 9), c(9, 9), c(162, 603)))
    say("none", "exact", c(paste0("low_", pair[1], "_", pair[2]), paste0("high_", pair[1], "_", pair[2])), NA,
        binom.test(pair[1], pair[2])$conf.int)
}
if (length(arguments) > 1) {
  m <- read.csv(arguments[2])
  median_of <- function(what, surv) {
    fit <- summary(survfit(surv ~ 1, conf.type = "log-log"))$table
    say("myeloma", what, c("median", "median_low", "median_high"), NA, fit[c("median", "0.95LCL", "0.95UCL")])
  }
  median_of("from_diagnosis", Surv(m$futime, m$death))
  median_of("truncated", Surv(m$entry, m$futime, m$death))
  median_of("followed", Surv(m$futime, 1 - m$death))
  at <- summary(survfit(Surv(entry, futime, death) ~ 1, m, conf.type = "log-log"), times = c(365, 1826))
  for (name in c("n.risk", "surv", "lower", "upper")) say("myeloma", "truncated", name, at$time, at[[name]])
  late <- data.frame(late = as.numeric(m$year > 80))
  say("myeloma", "logrank", "statistic", NA, survdiff(Surv(m$futime, m$death) ~ late$late)$chisq)
  hazards("myeloma", "cox", Surv(m$entry, m$futime, m$death), late)
}
