package org.dmtcp.akka.agent.node;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiFunction;
import org.dmtcp.akka.agent.engine.EngineMember;
import org.dmtcp.akka.agent.engine.HostProcess;

/**
 * The processes of the computation on this host. Never changes: every method that adds or removes
 * gives a new one.
 */
public final class Membership {
  static final Membership EMPTY = new Membership(Map.of(), List.of(), Optional.empty(), Map.of());

  private final Map<HostProcess, Member> members; // in the order of their coming
  private final List<HostProcess> namespaceInits;
  private final Optional<MemberOptions> orphans; // options of who has no ancestor among them
  private final Map<HostProcess, Member> ended; // perhaps zombies, which keep their names

  private Membership(Map<HostProcess, Member> members, List<HostProcess> namespaceInits,
      Optional<MemberOptions> orphans, Map<HostProcess, Member> ended) {
    this.members = members;
    this.namespaceInits = namespaceInits;
    this.orphans = orphans;
    this.ended = ended;
  }

  /** @param ended members that may be zombies now */
  static Membership of(Collection<Member> members, List<HostProcess> namespaceInits,
      Collection<Member> ended) {
    return new Membership(map(members), List.copyOf(namespaceInits),
        members.stream().findFirst().map(Member::options), map(ended));
  }

  private static Map<HostProcess, Member> map(Collection<Member> members) {
    Map<HostProcess, Member> map = new LinkedHashMap<>();
    members.forEach(m -> map.put(m.process(), m));
    return map;
  }

  public List<Member> members() {
    return List.copyOf(members.values());
  }

  /** Those that have ended and may be zombies, of whom nothing else tells the name. */
  List<Member> ended() {
    return List.copyOf(ended.values());
  }

  /** PID 1 of every pid namespace that a restart made for members. */
  List<HostProcess> namespaceInits() {
    return namespaceInits;
  }

  boolean isEmpty() {
    return members.isEmpty();
  }

  boolean contains(HostProcess process) {
    return members.containsKey(process);
  }

  Optional<Member> get(HostProcess process) {
    return Optional.ofNullable(members.get(process));
  }

  /** Where the engine starts looking: every known member, as its parent may have ended. */
  List<HostProcess> processes() {
    return List.copyOf(members.keySet());
  }

  Membership with(Member member) {
    Map<HostProcess, Member> all = new LinkedHashMap<>(members);
    all.put(member.process(), member);
    // Who is the first of a computation decides, not who was it in the one before.
    Optional<MemberOptions> first =
        members.isEmpty() ? Optional.of(member.options()) : orphans;
    return new Membership(all, namespaceInits, first, ended);
  }

  Membership withNamespace(HostProcess init) {
    if (namespaceInits.contains(init)) {
      return this;
    }
    List<HostProcess> inits = new ArrayList<>(namespaceInits);
    inits.add(init);
    return new Membership(members, List.copyOf(inits), orphans, ended);
  }

  Membership without(HostProcess process) {
    Map<HostProcess, Member> left = new LinkedHashMap<>(members);
    Member gone = left.remove(process);
    Map<HostProcess, Member> nowEnded = new LinkedHashMap<>(ended);
    if (gone != null) {
      nowEnded.put(process, gone);
    }
    return new Membership(left,
        namespaceInits.stream().filter(p -> !p.equals(process)).toList(), orphans, nowEnded);
  }

  /**
   * What the engine found.
   *
   * @param asked members at the time of asking: of these, one that was not found and does not live
   *     has gone; one that came since then is not concerned
   * @param proc tells who lives and who is whose parent
   * @param uniquePid for a process that is new
   */
  Membership merged(Set<HostProcess> asked, List<EngineMember> found, ProcFs proc,
      BiFunction<Integer, HostProcess, String> uniquePid) {
    Map<HostProcess, Member> now = new LinkedHashMap<>();
    Set<HostProcess> seen = new HashSet<>();
    found.stream().filter(f -> !f.zombie()).forEach(f -> seen.add(f.process()));
    Map<HostProcess, Member> nowEnded = new LinkedHashMap<>(ended);
    members.forEach((process, member) -> {
      if (seen.contains(process) || !asked.contains(process) || proc.lives(process)) {
        now.put(process, member);
      } else {
        nowEnded.put(process, member);
      }
    });
    nowEnded.keySet().removeIf(p -> !proc.exists(p));
    for (EngineMember f : found) {
      if (f.zombie()) {
        continue;
      }
      Member known = now.get(f.process());
      int parent = isChildOf(f, seen, proc) ? f.virtualParent() : 0;
      if (known != null) { // it may have executed another program, or lost its parent
        now.put(f.process(), new Member(f.process(), known.uniquePid(), known.virtualPid(),
            parent, f.program(), known.root(), known.options()));
      } else {
        found(f, parent, now, proc, uniquePid).ifPresent(m -> now.put(m.process(), m));
      }
    }
    List<HostProcess> inits = namespaceInits.stream().filter(proc::lives).toList();
    return new Membership(now, inits, orphans, nowEnded);
  }

  /**
   * A process of which nothing but the exit status is left: no member, but part of a checkpoint.
   * It has the name that it had while it lived.
   */
  Optional<Member> zombie(EngineMember f, ProcFs proc,
      BiFunction<Integer, HostProcess, String> uniquePid) {
    int parent = isChildOf(f, members.keySet(), proc) ? f.virtualParent() : 0;
    Member lived = ended.get(f.process());
    return lived == null ? found(f, parent, members, proc, uniquePid)
        : Optional.of(new Member(f.process(), lived.uniquePid(), lived.virtualPid(), parent,
            lived.program(), false, lived.options()));
  }

  private Optional<Member> found(EngineMember f, int parent, Map<HostProcess, Member> known,
      ProcFs proc, BiFunction<Integer, HostProcess, String> uniquePid) {
    return inherited(f.process(), known, proc).map(options -> new Member(f.process(),
        uniquePid.apply(f.virtualPid(), f.process()), f.virtualPid(), parent, f.program(), false,
        options));
  }

  private static boolean isChildOf(EngineMember f, Set<HostProcess> members, ProcFs proc) {
    return proc.stat(f.process().realPid())
        .filter(s -> members.stream().anyMatch(m -> m.realPid() == s.realParent()))
        .isPresent();
  }

  /** The options of the nearest ancestor that is a member, or of the first one of the computation. */
  private Optional<MemberOptions> inherited(
      HostProcess process, Map<HostProcess, Member> known, ProcFs proc) {
    int realPid = process.realPid();
    for (int step = 0; step < 64; step++) {
      Optional<ProcFs.Stat> stat = proc.stat(realPid);
      if (stat.isEmpty() || stat.get().realParent() <= 1) {
        break;
      }
      realPid = stat.get().realParent();
      int parent = realPid;
      Optional<Member> member =
          known.values().stream().filter(m -> m.process().realPid() == parent).findFirst();
      if (member.isPresent()) {
        return member.map(Member::options);
      }
    }
    return orphans;
  }
}
