package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Old programs, made for {@code dmtcpaware.h}, link and run. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class AwareIT {
  private static String build(Path directory, String form) throws IOException {
    Path lib = Tree.installed().resolve("lib/dmtcp");
    String program = directory.resolve("old-" + form).toString();
    List<String> line = new ArrayList<>(List.of("gcc", "-Wall", "-Wextra", "-Werror"));
    line.addAll(List.of("-DDMTCPAWARE_NO_WARNINGS", "-o", program));
    line.add("-I" + Tree.SOURCE.resolve("native-engine/include"));
    line.add(Tree.SOURCE.resolve("it/programs/dmtcpaware_old.c").toString());
    switch (form) {
      case "shared" -> line.addAll(List.of("-L" + lib, "-ldmtcpaware", "-Wl,-rpath," + lib));
      case "archive" -> line.add(lib.resolve("libdmtcpaware.a").toString());
      default -> line.addAll(List.of("-static", lib.resolve("libdmtcpaware.a").toString()));
    }
    Outcome made = Command.run(Session.LIMIT, line.toArray(String[]::new));
    assertEquals(0, made.status(), made.text());
    return program;
  }

  @ParameterizedTest
  @ValueSource(strings = {"shared", "archive", "static"})
  void withoutCheckpointControlEveryFunctionSaysSo(String form) throws IOException {
    try (Session session = new Session(Skip.unlessAvailable(Account.PLAIN))) {
      Outcome outcome = session.run(build(session.directory(), form), "absent");
      assertEquals("ok\n", outcome.out(), outcome.text());
    }
  }

  @ParameterizedTest
  @CsvSource({"plain, shared", "plain, archive", "root, shared", "root, archive"})
  void asksForItsCheckpointsAndIsRestarted(String name, String form) throws IOException {
    Account account = Skip.unlessAvailable(name);
    try (Computation computation = Computation.prepare(account)) {
      computation.launch(List.of(), build(computation.work(), form));
      computation.awaitLine("checkpoint");
      computation.kill();
      computation.restart();
      computation.awaitLine("ok");
      assertEquals(0, computation.job().await(Session.LIMIT));
      assertTrue(computation.output().endsWith("ok\n"), computation::tail);
      computation.passed();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "-DDMTCPAWARE_NO_WARNINGS"})
  void isMarkedDeprecated(String option) throws IOException {
    String source = Tree.SOURCE.resolve("it/programs/dmtcpaware_old.c").toString();
    List<String> line = new ArrayList<>(List.of("gcc", "-fsyntax-only", "-Wall"));
    line.add("-I" + Tree.SOURCE.resolve("native-engine/include"));
    if (!option.isEmpty()) {
      line.add(option);
    }
    line.add(source);
    Outcome outcome = Command.run(Session.LIMIT, line.toArray(String[]::new));
    assertEquals(0, outcome.status(), outcome.text());
    assertEquals(option.isEmpty(), outcome.err().contains("deprecated"), outcome.text());
  }
}
