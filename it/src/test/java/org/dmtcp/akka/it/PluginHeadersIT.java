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
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The headers beside {@code dmtcp.h}, as plugins written for DMTCP 5 use them. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class PluginHeadersIT {
  static List<String> accounts() {
    return Accounts.names();
  }

  @BeforeAll
  static void build() throws IOException {
    Examples.build();
  }

  private static void compile(Path source, String compiler, String... options) throws IOException {
    List<String> words = new ArrayList<>(List.of(compiler.split(" ")));
    words.addAll(List.of("-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-fPIC", "-shared",
        "-I" + Tree.SOURCE.resolve("native-engine/include"), source.toString()));
    words.addAll(List.of(options));
    Path out = Files.createTempFile(Tree.WORK, "header", ".so");
    words.addAll(List.of("-o", out.toString()));
    Outcome made = Command.run(Session.LIMIT, words.toArray(String[]::new));
    Files.delete(out);
    assertEquals(0, made.status(), made.text());
  }

  /** Twice, and in two files of one library. */
  @ParameterizedTest
  @CsvSource({
    "gcc, dmtcp.h dmtcpalloc.h procmapsarea.h dmtcpaware.h mtcp.h dmtcp/version.h",
    "g++ -std=c++11, dmtcp.h dmtcpalloc.h kvdb.h procmapsarea.h util.h virtualidtable.h",
    "g++ -std=c++20, dmtcp.h dmtcpalloc.h kvdb.h procmapsarea.h util.h virtualidtable.h",
  })
  void everyHeaderStandsAlone(String compiler, String headers) throws IOException {
    for (String header : headers.split(" ")) {
      String suffix = compiler.startsWith("g++") ? ".cpp" : ".c";
      Path first = Files.createTempFile(Tree.WORK, "first", suffix);
      Path second = Files.createTempFile(Tree.WORK, "second", suffix);
      for (Path source : List.of(first, second)) {
        Files.writeString(source, ("#include \"" + header + "\"\n").repeat(2));
      }
      compile(first, compiler, second.toString());
      Files.delete(first);
      Files.delete(second);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"g++ -std=c++11", "g++ -std=c++14", "g++ -std=c++17", "g++ -std=c++20"})
  void tablesAndContainersCompile(String compiler) throws IOException {
    compile(Tree.SOURCE.resolve("plugin/virtual_ids.cpp"), compiler);
  }

  /** The program keeps its number; hooks use containers while threads stand still in malloc(3). */
  @ParameterizedTest
  @MethodSource("accounts")
  void handlesStayOverARestart(String account) throws IOException {
    try (Computation c = Computation.prepare(Skip.unlessAvailable(account))) {
      c.set("EXAMPLE_NUMBER", "17");
      c.launch(Examples.plugins("virtual_ids"), "sh", "-c",
          "exec " + Examples.path("host_number") + " 2>>events");
      c.awaitLine("host 5001");
      for (int i = 0; i < 3; i++) {
        c.checkpoint();
      }
      c.kill();
      long ticks = c.ticks();
      c.set("EXAMPLE_NUMBER", "18");
      c.restart();
      c.awaitMoreTicks(ticks);
      c.checkpoint();
      c.kill();
      String said = Files.readString(c.work().resolve("events"));
      assertFalse(c.output().contains("wrong") || said.contains("wrong"), c.output() + said);
      assertEquals(1, c.output().lines().filter(l -> l.startsWith("host")).distinct().count());
      assertTrue(said.endsWith("host 5001 is 18\n"), said);
      c.passed();
    }
  }

  /** A plugin in a program that nobody checkpoints does nothing. */
  @Test
  void aPluginIsSafeWithoutTheLibrary() throws IOException {
    try (Session session = new Session(Skip.unlessAvailable(Account.PLAIN))) {
      Outcome outcome = session.run("sh", "-c", "LD_PRELOAD=" + Examples.path("virtual_ids.so")
          + " " + Examples.path("host_number") + " | head -n 2 | sed 's/host.*/host/'");
      assertEquals("host\ntick 1\n", outcome.out(), outcome.text());
    }
  }
}
