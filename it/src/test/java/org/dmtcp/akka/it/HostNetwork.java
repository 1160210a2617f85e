package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Hosts that look like machines of their own: network, host name, processes, {@code /tmp} and sshd
 * of each, joined by a switch. Made by root; what runs on them runs as the account.
 */
final class HostNetwork implements AutoCloseable {
  static final Duration LIMIT = Duration.ofSeconds(60);
  static final String SUBNET = "10.77.0.";
  static final String DOMAIN = ".dmtcp.test"; // every host has a name with it, too
  static final String SUBNET6 = "fd77::"; // as in init.sh

  private final Account account;
  private final Path directory;
  private final Process hub;
  private final Map<String, Host> hosts = new LinkedHashMap<>();

  /** @param names of the hosts, in the order of their addresses */
  HostNetwork(Account account, String... names) throws IOException {
    Skip.unless(Accounts.runsAsRoot(), "needs-root", "only root can make hosts");
    for (String program : List.of("ip", "sshd", "ssh", "nsenter", "unshare")) {
      Skip.unlessInstalled(program);
    }
    this.account = account;
    this.directory = Files.createTempDirectory(Tree.WORK, "h");
    open(directory, "rwxr-xr-x");
    Directories.give(directory, account);
    configure(names);
    hub = Unshare.start(directory.resolve("hub.log"), List.of("--net"), "sleep", "infinity");
    try {
      awaitOwnNetwork(hub.pid());
      onHub("ip", "link", "add", "hub", "type", "bridge");
      onHub("ip", "link", "set", "hub", "up");
      for (int i = 0; i < names.length; i++) {
        add(names[i], SUBNET + (i + 1));
      }
    } catch (IOException | RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  Account account() {
    return account;
  }

  /** Seen by all hosts under the same path, the account's own. */
  Path shared() {
    return directory;
  }

  Host host(String name) {
    return hosts.get(name);
  }

  List<Host> hosts() {
    return List.copyOf(hosts.values());
  }

  /** As if the cable was pulled. */
  void cut(String name) throws IOException {
    onHub("ip", "link", "set", "p-" + name, "down");
  }

  void mend(String name) throws IOException {
    onHub("ip", "link", "set", "p-" + name, "up");
  }

  private void add(String name, String address) throws IOException {
    Path tmp = Files.createDirectory(directory.resolve(name));
    open(tmp, "rwxrwxrwx");
    Path log = directory.resolve(name + ".log");
    Process process = Unshare.start(log,
        List.of("--net", "--uts", "--ipc", "--mount", "--pid", "--fork", "--kill-child=KILL",
            "--mount-proc"),
        "bash", directory.resolve("init.sh").toString(), directory.toString(), name, address,
        tmp.toString(), Tree.WORK.toString(), Tree.SOURCE.toString());
    Host host = new Host(name, address, process, account, directory);
    hosts.put(name, host);
    String pid = String.valueOf(host.initPid());
    onHub("ip", "link", "add", "p-" + name, "type", "veth", "peer", "name", "e-" + name);
    onHub("ip", "link", "set", "p-" + name, "master", "hub", "up");
    onHub("ip", "link", "set", "e-" + name, "netns", pid);
    must("nsenter", "-t", pid, "-n", "ip", "link", "set", "e-" + name, "name", "eth0");
    Wait.until(LIMIT, () -> Files.readString(log), text -> text.contains("up\n"),
        () -> name + " to be up: " + log);
  }

  /** Before, what is meant for the hub would happen to this host. */
  private static void awaitOwnNetwork(long pid) throws IOException {
    Path here = Files.readSymbolicLink(Path.of("/proc/self/ns/net"));
    Wait.until(
        LIMIT,
        () -> Files.readSymbolicLink(Path.of("/proc", String.valueOf(pid), "ns/net")),
        network -> !network.equals(here),
        () -> "a network of the hub's own");
  }

  private void onHub(String... words) throws IOException {
    List<String> all = new ArrayList<>();
    all.addAll(List.of("nsenter", "-t", String.valueOf(hub.pid()), "-n"));
    all.addAll(List.of(words));
    must(all.toArray(String[]::new));
  }

  private static void must(String... words) throws IOException {
    Outcome outcome = Command.run(LIMIT, words);
    assertEquals(0, outcome.status(), () -> String.join(" ", words) + ": " + outcome.text());
  }

  /** Names, keys and settings of ssh: the account reaches itself on every host without a word. */
  private void configure(String... names) throws IOException {
    StringBuilder table = new StringBuilder("127.0.0.1 localhost\n");
    for (int i = 0; i < names.length; i++) {
      table.append(SUBNET).append(i + 1).append(' ').append(names[i]).append(' ')
          .append(names[i]).append(DOMAIN).append('\n');
    }
    write("hosts", table.toString());
    for (String key : List.of("hostkey", "userkey")) {
      must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory.resolve(key).toString());
    }
    Directories.give(directory.resolve("userkey"), account);
    open(directory.resolve("userkey.pub"), "rw-r--r--");
    write("ssh_config", """
        Host *
          IdentityFile %s
          StrictHostKeyChecking no
          UserKnownHostsFile /dev/null
          LogLevel ERROR
          BatchMode yes
        """.formatted(directory.resolve("userkey")));
    write("sshd_config", """
        HostKey %s
        AuthorizedKeysFile %s
        StrictModes no
        UsePAM no
        PasswordAuthentication no
        PermitRootLogin yes
        MaxStartups 100
        PidFile none
        """.formatted(directory.resolve("hostkey"), directory.resolve("userkey.pub")));
    try (var in = HostNetwork.class.getResourceAsStream("/hosts/init.sh")) {
      Files.copy(in, directory.resolve("init.sh"), StandardCopyOption.REPLACE_EXISTING);
    }
    if (account.uid() != 0) {
      // A fresh account is locked, and sshd then refuses its keys too; this one has no password.
      must("usermod", "--password", "*", Accounts.userName(account));
    }
  }

  private void write(String name, String text) throws IOException {
    Files.writeString(directory.resolve(name), text);
    open(directory.resolve(name), "rw-r--r--");
  }

  private static void open(Path path, String mode) throws IOException {
    Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(mode));
  }

  /** Whatever runs on a host ends with its process 1. */
  @Override
  public void close() throws IOException {
    for (Host host : hosts.values()) {
      host.close();
    }
    hub.destroyForcibly();
    Directories.delete(directory);
  }
}
