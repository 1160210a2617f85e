package org.dmtcp.akka.it;

import java.util.ArrayList;
import java.util.List;

/** A kernel of {@code it/mpi}, under which MPI, as whom. */
record MpiCase(String kernel, String flavour, String account) {
  static List<MpiCase> all(List<String> accounts) {
    List<MpiCase> all = new ArrayList<>();
    for (String account : accounts) {
      for (String flavour : List.of("openmpi", "mpich")) {
        for (String kernel : List.of("halo", "transpose", "reduction")) {
          all.add(new MpiCase(kernel, flavour, account));
        }
      }
    }
    return all;
  }

  @Override
  public String toString() {
    return kernel + ", " + flavour + ", " + account;
  }
}
