# program: R with matrices, closures and forked workers
# run: Rscript r.R
# needs: Rscript
check <- function(what, good) {
  if (!isTRUE(good)) {
    cat("bad:", what, "\n")
    quit(status = 1)
  }
}
counter <- function() { i <- 0; function() { i <<- i + 1; i } }
count <- counter()
set.seed(7)
m <- matrix(rnorm(10000), 100)
kept <- list()
n <- 0
while (!file.exists("finish")) {
  n <- n + 1
  check("closure", count() == n)
  x <- rnorm(100)
  check("solve", max(abs(m %*% solve(m, x) - x)) < 1e-6)
  kept[[n]] <- sum(x)
  squares <- parallel::mclapply(1:4, function(i) (i * n)^2, mc.cores = 2)
  check("workers", identical(unlist(squares), (1:4 * n)^2))
  check("sort", identical(sort(sample(1000)), 1:1000))
  cat("tick ", n, "\n", sep = "")
  Sys.sleep(0.02)
}
set.seed(7)
check("matrix", identical(m, matrix(rnorm(10000), 100)))
check("kept", length(kept) == n && is.numeric(unlist(kept)))
cat("ok\n")
quit(status = 3)
