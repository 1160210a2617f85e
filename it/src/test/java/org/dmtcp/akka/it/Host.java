package org.dmtcp.akka.it;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** One host of a {@link HostNetwork}. */
final class Host implements AutoCloseable {
  private final String name;
  private final String address;
  private final Process unshare;
  private final Account account;
  private final Path shared;
  private final Map<String, String> environment = new HashMap<>();
  private final List<Job> jobs = new ArrayList<>();

  Host(String name, String address, Process unshare, Account account, Path shared) {
    this.name = name;
    this.address = address;
    this.unshare = unshare;
    this.account = account;
    this.shared = shared;
  }

  String name() {
    return name;
  }

  String address() {
    return address;
  }

  String address6() {
    return HostNetwork.SUBNET6 + address.substring(HostNetwork.SUBNET.length());
  }

  /** For every command from now on. */
  Host set(String variable, String value) {
    environment.put(variable, value);
    return this;
  }

  /** Process 1 of the host, as this one sees it. */
  long initPid() throws IOException {
    return Wait.until(
        HostNetwork.LIMIT,
        () -> unshare.children().findFirst().map(ProcessHandle::pid).orElse(0L),
        pid -> pid > 0,
        () -> name + " to have a process 1");
  }

  /** Runs to the end; a first word {@code dmtcp_...} is one of ours. */
  Outcome run(String... words) throws IOException {
    return Command.run(HostNetwork.LIMIT, shared, Map.of(), line(here(), words));
  }

  /** The same, and it must succeed. */
  String must(String... words) throws IOException {
    Outcome outcome = run(words);
    assertEquals(
        0, outcome.status(), () -> name + ": " + String.join(" ", words) + ": " + outcome.text());
    return outcome.out();
  }

  /** As root, whoever the account is. */
  Outcome runAsRoot(String... words) throws IOException {
    return Command.run(HostNetwork.LIMIT, shared, Map.of(),
        line(new Account(Account.ROOT, 0, 0, enter()), words));
  }

  /** In the background, its output in {@code job}.out and .err of the shared directory. */
  Job start(String job, String... words) throws IOException {
    Job started = Job.start(
        new Account(account.name(), account.uid(), account.gid(), List.of()), shared, Map.of(),
        line(here(), words), shared.resolve(job + ".out"), shared.resolve(job + ".err"));
    jobs.add(started);
    return started;
  }

  private List<String> enter() throws IOException {
    return List.of("nsenter", "-t", String.valueOf(initPid()), "-n", "-u", "-i", "-m", "-p", "--");
  }

  private Account here() throws IOException {
    List<String> prefix = new ArrayList<>(enter());
    prefix.addAll(account.prefix());
    return new Account(account.name(), account.uid(), account.gid(), prefix);
  }

  private List<String> line(Account who, String... words) throws IOException {
    List<String> line = new ArrayList<>(List.of("env", "-C", shared.toString()));
    environment.forEach((variable, value) -> line.add(variable + "=" + value));
    line.addAll(List.of(words));
    int first = 3 + environment.size();
    if (line.get(first).startsWith("dmtcp_")) {
      line.set(first, Tree.bin(line.get(first)));
    }
    return who.command(line);
  }

  /** Kills the coordinator's ({@code coordinator.Main}) or the agent's ({@code host.AgentMain}). */
  void killJvm(String mainClass) throws IOException {
    String pid = must("pgrep", "-f", "-x", ".* org[.]dmtcp[.].*" + mainClass + "( .*)?");
    assertEquals(0, run("kill", "-KILL", pid.strip()).status(), pid);
  }

  /** As when the power fails. */
  void crash() throws IOException {
    Command.run(HostNetwork.LIMIT, "kill", "-KILL", String.valueOf(initPid()));
  }

  @Override
  public void close() throws IOException {
    if (unshare.isAlive()) {
      unshare.children().forEach(ProcessHandle::destroyForcibly);
    }
    Wait.until(HostNetwork.LIMIT, unshare::isAlive, alive -> !alive, () -> name + " to be gone");
    for (Job job : jobs) {
      job.close();
    }
  }
}
