# Times pROC's paired bootstrap test of two models; prints seconds, D and the one-sided p.
#   Rscript bootstrap.R data.csv 10000 2      (columns label, one, two; resamples; repeats, of which the fastest counts)
suppressMessages(library(pROC))
arguments <- commandArgs(trailingOnly = TRUE)
data <- read.csv(arguments[1])
one <- roc(data$label, data$one, direction = "<", levels = c(0, 1), quiet = TRUE)
two <- roc(data$label, data$two, direction = "<", levels = c(0, 1), quiet = TRUE)
compare <- function(resamples) roc.test(
  one, two, method = "bootstrap", paired = TRUE, alternative = "greater", boot.n = resamples, progress = "none")
invisible(compare(100))
set.seed(1)
times <- replicate(as.integer(arguments[3]), system.time(test <<- compare(as.integer(arguments[2])))[["elapsed"]])
cat(sprintf("%.17g", c(min(times), test$statistic, test$p.value)), as.character(packageVersion("pROC")), "\n")
