package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Programs that are hard on the library in them, and plugins that use all of its header. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class PluginLifeIT {
  private static final Path HEADERS = Tree.SOURCE.resolve("native-engine/include");

  static List<String> accounts() {
    return Accounts.names();
  }

  @BeforeAll
  static void build() throws IOException {
    Examples.build();
  }

  /** A checkpoint that comes between an exec and its library goes without it. */
  @ParameterizedTest
  @MethodSource("accounts")
  void programsThatExecuteWithAnEmptyEnvironmentStayInTheComputation(String account)
      throws IOException {
    try (Computation c = Computation.prepare(Skip.unlessAvailable(account))) {
      c.launch(Examples.plugins("event_printer"), "sh", "-c",
          "exec " + Examples.path("exec_storm") + " 2>>events");
      c.awaitLine("tick 2");
      for (int i = 0; i < 5; i++) {
        c.checkpoint();
        c.awaitMoreTicks(c.ticks() + 2);
      }
      c.kill();
      long ticks = c.ticks();
      c.restart();
      c.awaitMoreTicks(ticks + 4);
      c.checkpoint();
      assertFalse(c.output().contains("lost"), c.output());
      c.kill();
      c.passed();
    }
  }

  /** By the C library, and past it. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void programsThatCloseAllDescriptorsKeepTheirOwn(boolean raw) throws IOException {
    try (Computation c = Computation.prepare(Skip.unlessAvailable(Account.PLAIN))) {
      List<String> words = new ArrayList<>(List.of(Examples.path("close_all")));
      if (raw) {
        words.add("raw");
      }
      c.launch(Examples.plugins("event_printer"), words.toArray(String[]::new));
      c.awaitLine("tick 1");
      c.checkpoint();
      c.awaitLine("fine 1 checkpoint(s)");
      c.checkpoint();
      c.kill();
      long ticks = c.ticks();
      c.restart();
      c.awaitMoreTicks(ticks);
      c.checkpoint();
      c.awaitMoreTicks(c.ticks() + 1);
      assertFalse(c.output().contains("wrong") || c.output().contains("lost"), c.output());
      c.kill();
      c.passed();
    }
  }

  /** Who had no helper thread at the checkpoint finds the coordinator of the restart. */
  @ParameterizedTest
  @MethodSource("accounts")
  void theFirstCallAfterARestartElsewhereFindsTheNewCoordinator(String account)
      throws IOException {
    Account who = Skip.unlessAvailable(account);
    Coordinator coordinator = Coordinators.borrow(who);
    try (Session session = new Session(coordinator)) {
      session.set("DMTCP_CHECKPOINT_DIR", session.directory().toString());
      Path go = session.directory().resolve("go");
      Job first = session.start(
          "first", "dmtcp_launch", Examples.path("late_caller"), go.toString());
      session.await("first.out", "tick 2");
      coordinator.must("-kc");
      first.await(Session.LIMIT);
      first.close();
      coordinator.awaitNobody();
      Files.createFile(go);
      List<String> words = new ArrayList<>(List.of(
          "dmtcp_restart", "--new-coordinator", "-p", "0"));
      Directories.names(session.directory()).stream().filter(n -> n.endsWith(".dmtcp"))
          .forEach(words::add);
      Job second = session.start("second", words.toArray(String[]::new));
      assertEquals(0, second.await(Session.LIMIT), second.complaints());
      second.close();
      String said = session.read("first.out");
      assertEquals(List.of("after the checkpoint, 1 peer(s)", "after the checkpoint, 1 peer(s)"),
          said.lines().filter(line -> !line.startsWith("tick")).toList(), said);
    } finally {
      Coordinators.giveBack(coordinator);
    }
  }

  // ---- the whole header

  /** Warnings are errors. */
  private static void compile(Path out, String source, String... compiler) throws IOException {
    List<String> words = new ArrayList<>(List.of(compiler));
    words.addAll(List.of("-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-I" + HEADERS,
        "-shared", "-fPIC", "-o", out.toString(),
        Tree.SOURCE.resolve("plugin").resolve(source).toString()));
    Outcome made = Command.run(Session.LIMIT, words.toArray(String[]::new));
    assertEquals(0, made.status(), made.text());
    Command.run(Session.LIMIT, "chmod", "a+rx", out.toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"gcc", "g++ -x c++ -std=c++14", "g++ -x c++ -std=c++17"})
  void aPluginThatUsesEverythingFindsAllAsDocumented(String compiler) throws IOException {
    try (Computation c = Computation.prepare(Skip.unlessAvailable(Account.PLAIN))) {
      Path library = c.images().resolveSibling("everything.so");
      compile(library, "everything.c", compiler.split(" "));
      Path events = c.work().resolve("events");
      c.launch(List.of("--with-plugin", library.toString()), "sh", "-c",
          "exec " + Examples.path("family") + " 2>>events");
      c.awaitLine("tick 1");
      c.checkpoint();
      c.kill();
      long ticks = c.ticks();
      c.restart();
      c.awaitMoreTicks(ticks);
      c.checkpoint();
      String said = Files.readString(events);
      assertFalse(said.contains("wrong"), said);
      assertTrue(said.contains("running after 1 checkpoint(s), 1 restart(s)"), said);
      c.kill();
      c.passed();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"c++14", "c++17", "c++20"})
  void theKeyValueStoreIsPlainCpp(String standard) throws IOException {
    Path library = Files.createTempFile(Tree.WORK, "kv", ".so");
    compile(library, "kv_exchange.cpp", "g++", "-std=" + standard, "-Wpedantic",
        "-Wno-variadic-macros");
    Files.delete(library);
  }

  /** Hooks that plugins define are the only ones that the library has not got. */
  @Test
  void everyFunctionOfTheHeaderIsThere() throws IOException {
    String exported = Command.run(Session.LIMIT, "nm", "-D", "--defined-only",
        Tree.SOURCE.resolve("lib/dmtcp/libdmtcp.so").toString()).out();
    String header = Files.readString(HEADERS.resolve("dmtcp.h"));
    String missing = Pattern.compile("(\\w+)\\([^()]*\\) DMTCP_WEAK;").matcher(header).results()
        .map(m -> m.group(1)).filter(name -> !exported.contains(" " + name + "\n")).sorted()
        .collect(Collectors.joining(" "));
    assertEquals("dmtcp_bq_restore_file dmtcp_bq_should_ckpt_file dmtcp_get_new_file_path"
        + " dmtcp_infiniband_enabled dmtcp_is_bq_file dmtcp_must_ckpt_file"
        + " dmtcp_must_overwrite_file dmtcp_skip_memory_region_ckpting", missing);
  }
}
