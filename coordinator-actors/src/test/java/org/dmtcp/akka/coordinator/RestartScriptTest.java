package org.dmtcp.akka.coordinator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.dmtcp.akka.config.RuntimePaths;
import org.dmtcp.akka.protocol.ImageInfo;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The script, run by bash, with commands for dmtcp_restart and ssh that tell their words. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RestartScriptTest {
  private static final String HERE = RuntimePaths.hostName();
  private static final String ODD = "/x/it's \"odd\" $HOME `id` \\ *\n/ckpt_a;b.dmtcp";

  private static final String SSH = "ssh|-o|ConnectTimeout=20|";

  @TempDir Path dir;
  private Path restart;
  private int exitStatus;

  @BeforeEach
  void makeCommands() throws IOException {
    restart = command("dmtcp restart", "local");
    command("ssh", "ssh");
    command("dmtcp_restart", "from PATH");
    Files.writeString(command("dmtcp_command", "unused"), "#!/bin/sh\nexit 0\n");
  }

  @Test
  void aCoordinatorIsThereBeforeSeveralHostsLookForIt() throws Exception {
    Files.writeString(command("dmtcp_command", "unused"), "#!/bin/sh\nexit 2\n");
    Path coordinator = command("dmtcp_coordinator", "coordinator");
    Files.writeString(coordinator, Files.readString(coordinator).replace("exit 7", "exit 0"));
    String words =
        run(manifest(image("far", "/x/a.dmtcp"), image(HERE, "/y/b.dmtcp")), "--ckptdir", "/c");

    assertTrue(
        words.startsWith("coordinator|--daemon|--exit-on-last|--quiet|--quiet|--coord-port|7779"
            + "|--ckptdir|/c|\n"),
        words);
  }

  @Test
  void aCoordinatorOnAnotherHostIsStartedThere() throws Exception {
    Path shell = command("ssh", "ssh");
    Files.writeString(shell, Files.readString(shell).replace("exit 7", "exit 0"));
    String words =
        run(manifest(image("far", "/x/a.dmtcp"), image(HERE, "/y/b.dmtcp")), "-h", "seat");

    assertTrue(words.startsWith(SSH + "seat|'sh' '-c' "), words);
  }

  @Test
  void theOtherHostsAreNotToldToLookAtThemselves() throws Exception {
    String words =
        run(manifest(image("far", "/x/a.dmtcp"), image(HERE, "/y/b.dmtcp")), "-h", "localhost");

    assertTrue(words.contains("'--coord-host' '" + HERE + "'"), words);
  }

  @Test
  void passesOddPathsAsTheyAre() throws Exception {
    String words = run(manifest(image(HERE, ODD)));

    assertEquals(
        "local|--coord-host|" + HERE + "|--coord-port|7779|--interval|30|--manifest-id|m|" + ODD
            + "|\n", words);
    assertEquals(7, exitStatus, "the status is that of the command");
  }

  @Test
  void understandsItsOptions() throws Exception {
    String words =
        run(manifest(image(HERE, "/x/ckpt_a.dmtcp")), "--coord-host", "h h", "-p", "1", "-i", "2",
            "--ckptdir", "/c k", "-t", "/t", "--no-strict-checking", "--coord-logfile", "l",
            "--restartdir", "/new dir");

    assertEquals(
        "local|--coord-host|h h|--coord-port|1|--interval|2|--manifest-id|m|--ckptdir|/c k"
            + "|--tmpdir|/t|--no-strict-checking|--coord-logfile|l|/new dir/ckpt_a.dmtcp|\n",
        words);
  }

  @Test
  void isOverriddenByTheEnvironment() throws Exception {
    String words =
        run(
            Map.of("DMTCP_COORD_HOST", "e", "DMTCP_COORD_PORT", "9",
                "DMTCP_CHECKPOINT_INTERVAL", "8", "DMTCP_RESTART_DIR", "/r"),
            manifest(image(HERE, "/x/ckpt_a.dmtcp")));

    assertEquals(
        "local|--coord-host|e|--coord-port|9|--interval|8|--manifest-id|m|/r/ckpt_a.dmtcp|\n",
        words);
  }

  @Test
  void findsTheCommandInThePath() throws Exception {
    Files.delete(restart);

    assertTrue(run(manifest(image(HERE, "/x/a.dmtcp"))).startsWith("from PATH|"));
  }

  @Test
  void startsOtherHostsBySshAndTheTerminalsHostLast() throws Exception {
    String words =
        run(manifest(image("far", ODD), image(HERE, "/y/b.dmtcp")));

    assertTrue(words.contains(SSH + "far|'sh' '-c' '\"$@\"; exit $?' 'sh' '" + restart + "' '--coord-host' '" + HERE + "'"), words);
    assertTrue(words.contains("'--join-coordinator' '" + ODD.replace("'", "'\\''") + "' |"), words);
    assertTrue(words.contains("local|--coord-host|" + HERE), words);
  }

  @Test
  void aRemoteShellGetsTheWordsBack() throws Exception {
    Path remote = command("ssh", "unused");
    Files.writeString(remote, "#!/bin/sh\nshift 3\nexec sh -c \"$1\"\n");
    String words = run(manifest(image("far", ODD), image(HERE, "/y/b.dmtcp")));

    assertTrue(words.contains("|--join-coordinator|" + ODD + "|\n"), words);
  }

  @Test
  void migratesWhenTheTableIsEdited() throws Exception {
    Manifest manifest = manifest(image("far", "/x/a.dmtcp"), image(HERE, "/y/b.dmtcp"));
    String edited =
        script(manifest).replace("far  far", "far  " + HERE).replace(HERE + "  " + HERE, HERE
            + "  other");
    String words = runText(Map.of(), edited);

    assertTrue(words.contains(SSH + "other|"), words);
    assertTrue(words.contains("local|--coord-host|" + HERE + "|--coord-port|7779|--interval|30"
        + "|--manifest-id|m|/x/a.dmtcp|"), words);
  }

  @Test
  void linesOfTheTableMayBeLeftOutAndChangePlaces() throws Exception {
    Manifest manifest = manifest(
        image("far", "/x/a.dmtcp"), image("gone", "/x/g.dmtcp"), image(HERE, "/y/b.dmtcp"));
    String own = HERE + "  " + HERE + "\n";
    String words = runText(Map.of(), script(manifest).replace(
        "far  far\ngone  gone\n" + own, own + "far  far\n"));

    assertTrue(words.contains("'--join-coordinator' '/x/a.dmtcp' "), words);
    assertTrue(words.contains("|--manifest-id|m|/y/b.dmtcp|"), words);
    assertFalse(words.contains("g.dmtcp"), words);
  }

  @Test
  void refusesATableThatCannotBeMeant() throws Exception {
    String text = script(manifest(image("far", "/x/a.dmtcp"), image(HERE, "/y/b.dmtcp")));
    String own = HERE + "  " + HERE;
    for (String table : List.of("", "far  far\nfar  " + HERE, "elsewhere  far")) {
      String said = runText(Map.of(), text.replace("far  far\n" + own, table));
      assertEquals(1, exitStatus, said);
      assertTrue(said.contains("the table"), said);
    }
  }

  @Test
  void takesHostsFromAFile() throws Exception {
    Path hosts = Files.writeString(dir.resolve("hosts"), "# new ones\nn1\nn2\n");
    String words =
        run(manifest(image("far", "/x/a.dmtcp"), image("far2", "/y/b.dmtcp")),
            "--hostfile", hosts.toString());

    assertTrue(words.contains(SSH + "n1|"), words);
    assertTrue(words.contains(SSH + "n2|"), words);
  }

  @Test
  void usesItsOwnHostWhenAllProcessesMoveAwayFromTheCoordinators() throws Exception {
    Manifest m = manifest(image("far", "/x/a.dmtcp"));
    Manifest elsewhere =
        new Manifest(m.computationId(), 1, "m", 0, "", m.created(), "far", 7779, 30, m.images());
    String words = runText(Map.of(), script(elsewhere).replace("far  far", "far  localhost"));

    assertTrue(words.startsWith("local|--coord-host|" + HERE + "|"), words);
  }

  @Test
  void refusesWhatItDoesNotUnderstand() throws Exception {
    run(manifest(image(HERE, "/x/a.dmtcp")), "--nonsense");
    assertEquals(1, exitStatus);
    run(manifest(image(HERE, "/x/a.dmtcp")), "--ckptdir");
    assertEquals(1, exitStatus);
    run(manifest(image(HERE, "/x/a.dmtcp")), "--help");
    assertEquals(0, exitStatus);
  }

  // ---- what the tests do

  private Path command(String name, String tag) throws IOException {
    Path file = dir.resolve(name);
    // One write: several of them run at once.
    Files.writeString(
        file, "#!/bin/sh\nwords=$(printf '%s|' '" + tag + "' \"$@\")\n"
            + "printf '%s\\n' \"$words\" >>\"$OUT\"\nexit 7\n");
    return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
  }

  private static ImageInfo image(String host, String path) {
    return new ImageInfo(
        host, path, "u" + host, 7, 0, "prog", host.equals(HERE), 1, 1, "00");
  }

  private static Manifest manifest(ImageInfo... images) {
    return new Manifest(
        "comp", 1, "m", 0, "", Instant.EPOCH, HERE, 7779, 30, List.of(images));
  }

  private String script(Manifest manifest) {
    return new RestartScript(restart.toString()).text(manifest);
  }

  private String run(Manifest manifest, String... options) throws Exception {
    return runText(Map.of(), script(manifest), options);
  }

  private String run(Map<String, String> environment, Manifest manifest) throws Exception {
    return runText(environment, script(manifest));
  }

  private String runText(Map<String, String> environment, String text, String... options)
      throws Exception {
    Path out = dir.resolve("out");
    Files.deleteIfExists(out);
    Path file = Files.writeString(dir.resolve("script.sh"), text);
    List<String> words = new ArrayList<>(List.of("bash", file.toString()));
    words.addAll(List.of(options));
    ProcessBuilder builder =
        new ProcessBuilder(words).redirectErrorStream(true).directory(dir.toFile());
    builder.environment().keySet().removeIf(name -> name.startsWith("DMTCP_"));
    builder.environment().putAll(environment);
    builder.environment().put("OUT", out.toString());
    builder.environment().merge("PATH", dir.toString(), (path, ours) -> ours + ":" + path);
    Process process = builder.start();
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(process.waitFor(30, TimeUnit.SECONDS), said);
    exitStatus = process.exitValue();
    return Files.exists(out) ? Files.readString(out) : said;
  }
}
