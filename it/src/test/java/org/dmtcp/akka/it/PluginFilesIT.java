package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Where files are, and what goes into the image: path virtualisation and the hooks for it. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class PluginFilesIT {
  static List<String> accounts() {
    return Accounts.names();
  }

  @BeforeAll
  static void build() throws IOException {
    Examples.build();
  }

  /** A directory with a file {@code data}. */
  private static Path data(Account who, String text) throws IOException {
    Path directory = Files.createTempDirectory(Tree.WORK, "data");
    Files.writeString(directory.resolve("data"), text + "\n");
    Directories.give(directory, who);
    return directory;
  }

  private static void assertHolds(Computation c, String line) throws IOException {
    c.awaitLine(line);
    assertTrue(!c.output().contains("wrong"), c.output());
  }

  /** The program never learns where its files are, before and after they have moved, twice. */
  @ParameterizedTest
  @MethodSource("accounts")
  void namesOfFilesStayWhenTheFilesMove(String account) throws IOException {
    Account who = Skip.unlessAvailable(account);
    Path first = data(who, "one");
    try (Computation c = Computation.prepare(who)) {
      c.set("DMTCP_PATH_MAPPING", "/not/here:/nowhere;/example/data:" + first);
      c.launch(List.of("--pathvirt"), Examples.path("named_files"), "/example/data");
      assertHolds(c, "held one, named one");
      Path before = first;
      for (String text : List.of("two", "six")) {
        c.checkpoint();
        c.kill();
        Path now = data(who, text);
        Files.setLastModifiedTime(
            now.resolve("data"), Files.getLastModifiedTime(before.resolve("data")));
        Directories.delete(before);
        c.set("DMTCP_PATH_MAPPING", "/example/data/:" + now + "/");
        c.restart();
        assertHolds(c, "held " + text + ", named " + text);
        before = now;
      }
      c.checkpoint();
      c.kill();
      Directories.delete(before);
      c.passed();
    }
  }

  /** Of sockets, of trees of directories, and of the program itself. */
  @ParameterizedTest
  @MethodSource("accounts")
  void otherNamesStayWhenTheFilesMove(String account) throws IOException {
    Account who = Skip.unlessAvailable(account);
    Path before = data(who, "one");
    Path program = Path.of(Examples.path("named_others"));
    Files.copy(program, before.resolve("program"), StandardCopyOption.COPY_ATTRIBUTES);
    try (Computation c = Computation.prepare(who)) {
      c.set("DMTCP_PATH_MAPPING", "/example/data:" + before);
      c.launch(List.of("--pathvirt"), before + "/program", "/example/data");
      c.awaitMoreTicks(1);
      c.checkpoint();
      c.kill();
      Path now = data(who, "two");
      Files.copy(program, now.resolve("program"), StandardCopyOption.COPY_ATTRIBUTES);
      Directories.delete(before);
      long ticks = c.ticks();
      c.set("DMTCP_PATH_MAPPING", "/example/data:" + now);
      c.restart();
      c.awaitMoreTicks(ticks + 1);
      assertFalse(c.output().contains("wrong"), c.output());
      assertTrue(Directories.names(now).containsAll(List.of("from", "said", "socket", "to")),
          String.join(" ", Directories.names(now)));
      assertFalse(Files.exists(before));
      c.checkpoint();
      c.kill();
      Directories.delete(now);
      c.passed();
    }
  }

  /** A mapping that is only there at the restart moves what a program without our calls has open. */
  @ParameterizedTest
  @MethodSource("accounts")
  void openFilesAreFoundWhereTheRestartSays(String account) throws IOException {
    Account who = Skip.unlessAvailable(account);
    Path before = data(who, "one");
    try (Computation c = Computation.prepare(who)) {
      c.launch(List.of(), "sh", "-c", "cd " + before + "; exec 3<data; i=0; "
          + "while :; do i=$((i+1)); echo tick $i; head -n 1 <&3; sleep 0.2; done");
      c.awaitLine("one");
      c.checkpoint();
      c.kill();
      Path now = before.resolveSibling(before.getFileName() + "-moved");
      Files.move(before, now);
      long ticks = c.ticks();
      c.set("DMTCP_PATH_MAPPING", before + ":" + now);
      c.restart();
      c.awaitMoreTicks(ticks);
      c.kill();
      Directories.delete(now);
      c.passed();
    }
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void pluginsTranslateNamesOfFiles(String account) throws IOException {
    Account who = Skip.unlessAvailable(account);
    Path before = data(who, "one");
    try (Computation c = Computation.prepare(who)) {
      c.set("EXAMPLE_OLD", "/example/data");
      c.set("EXAMPLE_NEW", before.toString());
      c.launch(Examples.plugins("path_event"), Examples.path("named_files"), "/example/data");
      assertHolds(c, "held one, named one");
      c.checkpoint();
      c.kill();
      Path now = before.resolveSibling(before.getFileName() + "-moved");
      Files.move(before, now);
      c.set("EXAMPLE_NEW", now.toString());
      c.set("DMTCP_PATH_MAPPING", before + ":" + now); // what it has open is not told to plugins
      long ticks = c.ticks();
      c.restart();
      c.awaitMoreTicks(ticks);
      assertHolds(c, "held one, named one");
      c.kill();
      Directories.delete(now);
      c.passed();
    }
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void pluginsSayWhatGoesIntoTheImage(String account) throws IOException {
    try (Computation c = Computation.prepare(Skip.unlessAvailable(account))) {
      Path keep = c.work().resolve("data.keep");
      Path old = c.work().resolve("data.old");
      write(c, keep, "kept");
      write(c, old, "old");
      c.launch(Examples.plugins("choices"), Examples.path("choosy"));
      c.awaitLine("cache kept first kept rest kept keep=kept old=old");
      c.checkpoint();
      c.awaitMoreTicks(c.ticks());
      assertNote(c);
      c.kill();
      assertTrue(c.output().lines().filter(l -> l.startsWith("cache")).distinct().count() == 1,
          c.output());

      write(c, keep, "meddled with");
      write(c, c.work().resolve("data.new"), "new");
      c.restart();
      c.awaitLine("cache gone first kept rest gone keep=kept old=new");
      c.checkpoint();
      c.kill();
      c.passed();
    }
  }

  private static void write(Computation c, Path path, String text) throws IOException {
    Files.writeString(path, text + "\n");
    Directories.give(path, c.account());
  }

  private static void assertNote(Computation c) throws IOException {
    Path image = Directories.names(c.images()).stream().filter(n -> n.endsWith(".dmtcp"))
        .map(n -> c.images().resolve(n)).findFirst().orElseThrow();
    Outcome model = Command.run(
        Session.LIMIT, Tree.bin("dmtcp_inspect"), "--json", image.toString());
    assertEquals(0, model.status(), model.text());
    assertTrue(model.out().replace(" ", "").contains(
        "\"notes\":{\"example.generation\":\"1\",\"example.purpose\":\"toshowanote\"}"),
        model.out());
  }

  @ParameterizedTest
  @MethodSource("accounts")
  void aFaultInAHookForMemoryEndsTheCheckpointOnly(String account) throws IOException {
    try (Computation c = Computation.prepare(Skip.unlessAvailable(account))) {
      c.set("FAULT", "skip");
      write(c, c.work().resolve("data.keep"), "kept");
      write(c, c.work().resolve("data.old"), "old");
      c.launch(Examples.plugins("choices"), Examples.path("choosy"));
      c.awaitLine("tick 1");
      for (int i = 0; i < 2; i++) {
        Outcome failed = c.coordinator().command("-bc");
        assertTrue(failed.text().contains("hook dmtcp_skip_memory_region_ckpting: it called abort()"),
            failed.text());
        c.awaitMoreTicks(c.ticks());
      }
      c.kill();
      c.passed();
    }
  }
}
