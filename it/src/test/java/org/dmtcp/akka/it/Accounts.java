package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Root and a plain user. As root, the plain user is made for this run and removed at its end; as
 * anybody else, it is the one who runs the tests, and the tests as root are skipped.
 */
final class Accounts {
  private static final Duration LIMIT = Duration.ofSeconds(30);
  private static Account made;

  private Accounts() {}

  static boolean runsAsRoot() {
    return "root".equals(System.getProperty("user.name"));
  }

  /** Empty: cannot be had here. */
  static Optional<Account> find(String name) throws IOException {
    if (!runsAsRoot()) {
      return name.equals(Account.PLAIN)
          ? Optional.of(new Account(name, id("-u", ""), id("-g", ""), List.of()))
          : Optional.empty();
    }
    return Optional.of(
        name.equals(Account.ROOT) ? new Account(name, 0, 0, List.of()) : plainUser());
  }

  /** Of both names, in the order of the support table. */
  static List<String> names() {
    return List.of(Account.PLAIN, Account.ROOT);
  }

  /** Its name in the system's table. */
  static String userName(Account account) throws IOException {
    Outcome outcome = Command.run(LIMIT, "id", "-un", String.valueOf(account.uid()));
    assertEquals(0, outcome.status(), outcome.text());
    return outcome.out().strip();
  }

  private static synchronized Account plainUser() throws IOException {
    if (made == null) {
      String user = "dmtcpit" + ProcessHandle.current().pid();
      Outcome added = Command.run(LIMIT, "useradd", "--create-home", "--shell", "/bin/bash", user);
      assertEquals(0, added.status(), added.text());
      Runtime.getRuntime().addShutdownHook(new Thread(() -> {
        Coordinators.closeAll(); // they are this user's, and could not be told to end without him
        remove(user);
      }));
      int uid = id("-u", user);
      int gid = id("-g", user);
      made =
          new Account(
              Account.PLAIN,
              uid,
              gid,
              List.of(
                  "setpriv",
                  "--reuid=" + uid,
                  "--regid=" + gid,
                  "--init-groups",
                  "--inh-caps=-all",
                  "env",
                  "HOME=/home/" + user,
                  "USER=" + user,
                  "LOGNAME=" + user));
    }
    return made;
  }

  /** By force: a coordinator of the user may be ending at this very moment, or be a zombie. */
  private static void remove(String user) {
    try {
      Command.run(LIMIT, "userdel", "--force", "--remove", user);
    } catch (IOException e) {
      System.err.println("user " + user + " is left over: " + e.getMessage());
    }
  }

  private static int id(String option, String user) throws IOException {
    Outcome outcome =
        user.isEmpty()
            ? Command.run(LIMIT, "id", option)
            : Command.run(LIMIT, "id", option, user);
    return Integer.parseInt(outcome.out().strip());
  }
}
