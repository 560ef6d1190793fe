# Prints as CSV what R's pROC says of data sets with the columns set, group, label, one, two (made by proc_sets.py).
#   Rscript proc_golden.R data.csv                  DeLong's variance, interval and tests
#   Rscript proc_golden.R data.csv 10000 22 62 …    the bootstrap's interval and test on these sets, so many resamples
suppressMessages(library(pROC))
arguments <- commandArgs(trailingOnly = TRUE)
data <- read.csv(arguments[1])

curve <- function(labels, scores) roc(labels, scores, direction = "<", levels = c(0, 1), quiet = TRUE)
# pROC stops, rather than returning NaN, where two equal curves have a class of one study.
or_na <- function(expression) suppressWarnings(tryCatch(as.numeric(expression), error = function(e) NA))

delong <- function(one, two, other) {
  interval <- or_na(ci.auc(one, method = "delong"))
  paired <- suppressWarnings(tryCatch(roc.test(one, two, paired = TRUE, method = "delong"), error = function(e) list()))
  unpaired <- suppressWarnings(roc.test(one, other, paired = FALSE, method = "delong"))
  list(
    auc_one = or_na(one$auc), auc_two = or_na(two$auc), var_one = or_na(var(one, method = "delong")),
    var_two = or_na(var(two, method = "delong")), ci_low = interval[1], ci_high = interval[3],
    z = or_na(paired$statistic), p_paired = or_na(paired$p.value), t = or_na(unpaired$statistic),
    df = or_na(unpaired$parameter), p_unpaired = or_na(unpaired$p.value))
}

bootstrap <- function(one, two, resamples) {
  test <- function(alternative) {
    set.seed(1)
    roc.test(one, two, paired = TRUE, method = "bootstrap", boot.n = resamples, alternative = alternative, progress = "none")
  }
  greater <- test("greater")
  interval <- ci.auc(one, method = "bootstrap", boot.n = resamples, boot.stratified = FALSE, progress = "none")
  list(
    d = or_na(greater$statistic), p_greater = greater$p.value, p_less = test("less")$p.value,
    p_two_sided = test("two.sided")$p.value, ci_low = interval[1], ci_high = interval[3])
}

analyse <- function(set) {
  paired <- set[set$group == 1, ]
  unpaired <- set[set$group == 2, ]
  one <- curve(paired$label, paired$one)
  two <- curve(paired$label, paired$two)
  values <- if (length(arguments) == 1) delong(one, two, curve(unpaired$label, unpaired$one)) else
    suppressWarnings(bootstrap(one, two, as.integer(arguments[2])))
  values <- lapply(values, function(value) if (length(value) && !is.nan(value)) value else NA)
  c(list(set = set$set[1]), lapply(values, sprintf, fmt = "%.17g"))
}

if (length(arguments) > 1) data <- data[data$set %in% as.integer(arguments[-(1:2)]), ]
rows <- lapply(split(data, data$set), function(set) as.data.frame(analyse(set)))
cat("# pROC", as.character(packageVersion("pROC")), "\n")
write.csv(do.call(rbind, rows), quote = FALSE, row.names = FALSE)
