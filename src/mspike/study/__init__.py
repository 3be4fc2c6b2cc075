"""A study: what a cohort says, section by section, as tables and figures a paper could print."""
