# Makes proc_golden.csv with R's pROC: the values that our bootstrap must reach within Monte-Carlo error.
#   Rscript proc_golden.R   (in this folder; needs the package pROC)
suppressMessages(library(pROC))
data <- read.csv("proc_data.csv")
rows <- lapply(split(data, data$set), function(set) {
  set.seed(1)
  one <- roc(set$label, set$one, direction = "<", levels = c(0, 1), quiet = TRUE)
  two <- roc(set$label, set$two, direction = "<", levels = c(0, 1), quiet = TRUE)
  test <- function(alternative, ...) suppressWarnings(roc.test(
    one, two, method = "bootstrap", boot.n = 10000, paired = TRUE, alternative = alternative,
    progress = "none", ...))
  greater <- test("greater")
  plain <- suppressWarnings(
    ci.auc(one, method = "bootstrap", boot.n = 10000, boot.stratified = FALSE, progress = "none"))
  data.frame(
    set = set$set[1], auc_one = as.numeric(one$auc), auc_two = as.numeric(two$auc),
    d = as.numeric(greater$statistic), p_greater = greater$p.value,
    p_less = test("less")$p.value, p_two_sided = test("two.sided")$p.value,
    ci_low = plain[1], ci_high = plain[3])
})
write.csv(do.call(rbind, rows), "proc_golden.csv", row.names = FALSE)
cat("pROC", as.character(packageVersion("pROC")), "\n")
