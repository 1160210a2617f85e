package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** An engine that hangs costs the limit of its phase, not that of the whole stop. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class StuckEngineIT extends OwnSessionFixture {
  /** Its child waits for the FIFO between vfork and exec: a freeze cannot end before. */
  private static final String PROGRAM = """
      import os
      print('ready', flush=True)
      os.posix_spawn('/bin/true', ['true'], {},
                     file_actions=[(os.POSIX_SPAWN_OPEN, 0, 'way', os.O_RDONLY, 0)])
      os.wait()
      print('spawned', flush=True)
      while open('way').read() != 'end':
          pass
      print('ends', flush=True)
      """;

  @Test
  void inTheFreeze() throws IOException {
    Skip.unlessInstalled("python3");
    session.set("DMTCP_JAVA_OPTIONS", "-Ddmtcp.round.limit.freeze=6s");
    assertEquals(0, session.run("mkfifo", "way").status());
    assertEquals(0, session.run(
        "dmtcp_coordinator", "--daemon", "-p", "0", "--port-file", "port").status());
    session.set("DMTCP_COORD_PORT", session.read("port"));
    Files.writeString(session.directory().resolve("program.py"), PROGRAM);
    try (Job program = session.start("program", "dmtcp_launch", "python3", "program.py")) {
      session.await("program.out", "ready");
      Path status = Path.of("/proc", String.valueOf(program.pid()), "status");
      Wait.until(Session.LIMIT, () -> Files.readString(status),
          s -> s.contains("State:\tD"), program::complaints);
      Job checkpoint = session.start("checkpoint", "dmtcp_command", "-bc");
      String engine = Wait.until(Session.LIMIT, () -> tracer(status), pid -> !pid.equals("0"),
          checkpoint::complaints);
      assertEquals(0, session.run("kill", "-STOP", engine).status());
      assertEquals(2, checkpoint.await(Session.LIMIT), checkpoint.complaints());
      assertTrue(checkpoint.complaints().contains("[engine-lost]"), checkpoint.complaints());
      checkpoint.close();

      write("");
      session.await("program.out", "spawned");
      Wait.until(Session.LIMIT, () -> session.run("dmtcp_command", "-bc"),
          o -> o.status() == 0, () -> "a checkpoint by the next engine");
      write("end");
      assertEquals(0, program.await(Session.LIMIT), program.complaints());
    }
  }

  private void write(String text) throws IOException {
    Outcome outcome = session.run("timeout", "20", "sh", "-c", "printf '%s' '" + text + "' >way");
    assertEquals(0, outcome.status(), outcome.text());
  }

  private static String tracer(Path status) throws IOException {
    return Files.readString(status).lines().filter(l -> l.startsWith("TracerPid:"))
        .findFirst().orElseThrow().split("\\s+")[1];
  }
}
