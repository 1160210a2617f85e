package org.dmtcp.akka.agent.node;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.dmtcp.akka.agent.engine.EngineMember;
import org.dmtcp.akka.agent.engine.HostProcess;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MembershipTest {
  private static final MemberOptions OPTIONS =
      new MemberOptions("/d", "zstd", false, false, 0, false, 0);
  private static final MemberOptions OTHER =
      new MemberOptions("/e", "none", false, false, 0, false, 0);

  @TempDir Path root;
  private ProcFs proc;

  @BeforeEach
  void makeProc() {
    proc = new ProcFs(root);
  }

  private HostProcess process(int pid, int parent, char state) throws IOException {
    Path directory = Files.createDirectories(root.resolve(String.valueOf(pid)));
    Files.writeString(directory.resolve("stat"), pid + " (na) me) " + state + " " + parent
        + " 1 1 34816 " + "0 ".repeat(14) + pid * 10 + " 0 0\n");
    return new HostProcess(pid, pid * 10L);
  }

  private static Member member(HostProcess p, MemberOptions options) {
    return new Member(p, "u" + p.realPid(), p.realPid(), 0, "prog", true, options);
  }

  private static EngineMember found(HostProcess p, boolean zombie) {
    return new EngineMember(p, p.realPid(), 0, "child", 1, zombie, false);
  }

  private Membership merged(Membership m, List<EngineMember> found) {
    return m.merged(Set.copyOf(m.processes()), found, proc, (pid, p) -> "new" + pid);
  }

  @Test
  void readsTheStatOfAProcessWithAnUglyName() throws Exception {
    HostProcess p = process(50, 7, 'S');
    assertEquals(new ProcFs.Stat('S', 7, 34816, 0, 500), proc.stat(50).orElseThrow());
    assertTrue(proc.lives(p));
    assertFalse(proc.lives(new HostProcess(50, 501)));
    assertFalse(proc.lives(new HostProcess(51, 510)));
  }

  @Test
  void givesAChildTheOptionsOfItsNearestAncestor() throws Exception {
    HostProcess a = process(10, 1, 'S');
    HostProcess b = process(20, 1, 'S');
    HostProcess child = process(30, 25, 'S');
    process(25, 20, 'S'); // not a member itself
    Membership now = merged(
        Membership.EMPTY.with(member(a, OPTIONS)).with(member(b, OTHER)),
        List.of(found(a, false), found(b, false), found(child, false)));
    Member newOne = now.get(child).orElseThrow();
    assertEquals(OTHER, newOne.options());
    assertEquals("new30", newOne.uniquePid());
    assertFalse(newOne.root());
  }

  @Test
  void givesAnOrphanTheOptionsOfTheFirstMember() throws Exception {
    HostProcess a = process(10, 1, 'S');
    HostProcess orphan = process(30, 1, 'S');
    Membership now = merged(Membership.EMPTY.with(member(a, OPTIONS)),
        List.of(found(a, false), found(orphan, false)));
    assertEquals(OPTIONS, now.get(orphan).orElseThrow().options());
  }

  @Test
  void keepsTheUniquePidOfAMemberThatExecutedAnotherProgram() throws Exception {
    HostProcess a = process(10, 1, 'S');
    Membership now = merged(
        Membership.EMPTY.with(member(a, OPTIONS)), List.of(found(a, false)));
    assertEquals("u10", now.get(a).orElseThrow().uniquePid());
    assertEquals("child", now.get(a).orElseThrow().program());
    assertTrue(now.get(a).orElseThrow().root());
  }

  @Test
  void forgetsOnlyWhoWasAskedForAndDoesNotLive() throws Exception {
    HostProcess gone = new HostProcess(10, 100);
    HostProcess unseen = process(20, 1, 'S');
    HostProcess late = new HostProcess(40, 400);
    Membership m = Membership.EMPTY.with(member(gone, OPTIONS)).with(member(unseen, OPTIONS));
    Set<HostProcess> asked = Set.copyOf(m.processes());
    Membership now = m.with(member(late, OPTIONS)).merged(asked, List.of(), proc, (v, p) -> "n");
    assertEquals(List.of(unseen, late), now.processes());
  }

  @Test
  void doesNotCountZombies() throws Exception {
    HostProcess a = process(10, 1, 'Z');
    Membership now = merged(
        Membership.EMPTY.with(member(a, OPTIONS)), List.of(found(a, true)));
    assertTrue(now.isEmpty());
  }

  @Test
  void givesAZombieAnImageButNoMembership() throws Exception {
    HostProcess a = process(10, 1, 'S');
    HostProcess zombie = process(20, 10, 'Z');
    Membership m = merged(Membership.EMPTY.with(member(a, OPTIONS)),
        List.of(found(a, false), found(zombie, true)));
    assertEquals(List.of(a), m.processes());
    Member image = m.zombie(new EngineMember(zombie, 20, 10, "child", 0, true, false), proc,
        (pid, p) -> "new" + pid).orElseThrow();
    assertEquals("new20", image.uniquePid());
    assertEquals(10, image.virtualParent());
    assertEquals(OPTIONS, image.options());
  }

  @Test
  void keepsTheNameOfAMemberThatBecameAZombie() throws Exception {
    HostProcess a = process(10, 1, 'S');
    HostProcess zombie = process(20, 10, 'Z');
    EngineMember seen = new EngineMember(zombie, 20, 10, "comm", 0, true, false);
    Membership both = Membership.EMPTY.with(member(a, OPTIONS)).with(member(zombie, OTHER));
    for (Membership m : List.of(both.without(zombie),
        merged(both, List.of(found(a, false), seen)))) {
      Member image = m.zombie(seen, proc, (pid, p) -> "new" + pid).orElseThrow();
      assertEquals("u20", image.uniquePid());
      assertEquals("prog", image.program());
      assertEquals(OTHER, image.options());
    }
    Files.delete(root.resolve("20").resolve("stat")); // its parent has waited for it
    assertEquals("new20", merged(both, List.of(found(a, false)))
        .zombie(seen, proc, (pid, p) -> "new" + pid).orElseThrow().uniquePid());
  }

  @Test
  void survivesAVisitToItsFile() throws Exception {
    HostProcess a = process(10, 1, 'S');
    Membership m = Membership.EMPTY.with(member(a, OPTIONS)).withNamespace(process(9, 1, 'S'));
    Path socket = root.resolve("coordinator-1.sock");
    RegistryFile file = new RegistryFile(socket);
    assertTrue(file.load().isEmpty());
    file.save(2, new RegistryFile.Content("c", 7, m));
    file.save(1, new RegistryFile.Content("older", 6, Membership.EMPTY));
    RegistryFile.Content read = new RegistryFile(socket).load().orElseThrow();
    assertEquals("c", read.computationId());
    assertEquals(7, read.generation());
    assertEquals(m.members(), read.membership().members());
    assertEquals(m.namespaceInits(), read.membership().namespaceInits());
    file.save(3, new RegistryFile.Content("c", 7, Membership.EMPTY));
    assertTrue(file.load().isEmpty());
  }

  @Test
  void givesAProcessTheSameUniquePidAgainAndEveryOtherAnother() {
    UniquePids pids = new UniquePids("host", "id", 1_700_000_000_000L);
    HostProcess p = new HostProcess(10, 100);
    assertEquals(pids.of(10, p), pids.of(10, p));
    assertFalse(pids.of(10, p).equals(pids.of(10, new HostProcess(10, 101))));
    assertFalse(pids.of(10, p)
        .equals(new UniquePids("other", "id", 1_700_000_000_000L).of(10, p)));
    assertTrue(pids.of(10, p).matches("[0-9a-f]+-10-[0-9a-f]+"), pids.of(10, p));
  }
}
