package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** A real sshd of one account on a port of its own; {@code ssh -F config far} reaches it. */
final class SshServer implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(30);

  private final Path directory;
  private final Job daemon;

  private SshServer(Path directory, Job daemon) {
    this.directory = directory;
    this.daemon = daemon;
  }

  static SshServer start(Account account) throws IOException {
    Path directory = Files.createTempDirectory(Tree.WORK, "sshd");
    Directories.give(directory, account);
    Files.createDirectories(Path.of("/run/sshd")); // where sshd as root separates privileges
    int port = freePort();
    Files.writeString(directory.resolve("sshd_config"), serverConfig(directory, port));
    Files.writeString(directory.resolve("config"), clientConfig(directory, port));
    for (String key : List.of("host", "user")) {
      Outcome made = run(account, directory, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key);
      assertEquals(0, made.status(), made.text());
    }
    Directories.give(Files.copy(directory.resolve("user.pub"), directory.resolve("known")), account);
    String config = directory.resolve("sshd_config").toString();
    Job daemon =
        Job.start(
            account,
            directory,
            Map.of(),
            List.of("/usr/sbin/sshd", "-D", "-e", "-f", config),
            directory.resolve("out"),
            directory.resolve("log"));
    Wait.until(LIMIT, () -> listens(port), yes -> yes, () -> "sshd; " + daemon.complaints());
    return new SshServer(directory, daemon);
  }

  private static String serverConfig(Path directory, int port) {
    return """
        ListenAddress 127.0.0.1:%d
        HostKey %s/host
        AuthorizedKeysFile %s/known
        StrictModes no
        UsePAM no
        PidFile none
        PermitRootLogin yes
        MaxStartups 100
        """
        .formatted(port, directory, directory);
  }

  private static String clientConfig(Path directory, int port) {
    return """
        Host far
          HostName 127.0.0.1
          Port %d
          IdentityFile %s/user
          IdentitiesOnly yes
          StrictHostKeyChecking no
          UserKnownHostsFile /dev/null
          LogLevel ERROR
        """
        .formatted(port, directory);
  }

  private static Outcome run(Account account, Path directory, String... words) throws IOException {
    return Command.run(LIMIT, directory, Map.of(), account.command(List.of(words)));
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }

  private static boolean listens(int port) {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      return socket.isConnected();
    } catch (IOException e) {
      return false;
    }
  }

  /** The options that make ssh find it. */
  String options() {
    return "-F " + directory.resolve("config");
  }

  @Override
  public void close() throws IOException {
    daemon.close();
    Directories.delete(directory);
  }
}
