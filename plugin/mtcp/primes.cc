// Counts primes and checkpoints itself every few seconds: `primes IMAGE LIMIT [SECONDS]`.
// End it at any time and go on with `mtcp_restart IMAGE`.
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "mtcp.h"

namespace {

struct Progress {
  unsigned long found = 0;
  int restarts = 0;
};

void restarted(void *context) {
  static_cast<Progress *>(context)->restarts++;
}

bool is_prime(unsigned long n, const std::vector<unsigned long> &known) {
  for (unsigned long p : known) {
    if (p * p > n) return true;
    if (n % p == 0) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char **argv) {
  if (argc < 3) {
    std::cerr << "usage: primes IMAGE LIMIT [SECONDS]\n";
    return 2;
  }
  static Progress progress;
  mtcp_hooks hooks = {};
  hooks.restarted = restarted;
  hooks.context = &progress;
  mtcp_set_hooks(&hooks);
  if (mtcp_init(argv[1], argc > 3 ? std::atoi(argv[3]) : 10) < 0) {
    std::cerr << mtcp_error() << "\n";
    return 1;
  }
  unsigned long limit = std::strtoul(argv[2], nullptr, 10);
  std::vector<unsigned long> known;
  for (unsigned long n = 2; n < limit; n++) {
    if (is_prime(n, known)) known.push_back(n);
    // The middle is a good place for one more: it does not have to be the clock.
    if (n == limit / 2 && mtcp_checkpoint() < 0) std::cerr << mtcp_error() << "\n";
  }
  progress.found = known.size();
  std::cout << progress.found << " primes below " << limit << ", restarted " << progress.restarts
            << " times" << std::endl;
  mtcp_finish();
  return 0;
}
