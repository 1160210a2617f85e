package org.dmtcp.akka.coordinator;

import akka.actor.typed.ActorSystem;
import akka.cluster.typed.Join;

/** The coordinator as the first member of a cluster, which the agents of other hosts join. */
final class Cluster {
  private Cluster() {}

  /** Agents can come from now on; nobody waits for it. */
  static void form(ActorSystem<?> system) {
    akka.cluster.typed.Cluster cluster = akka.cluster.typed.Cluster.get(system);
    cluster.manager().tell(Join.create(cluster.selfMember().address()));
  }

  static String address(ActorSystem<?> system) {
    return akka.cluster.typed.Cluster.get(system).selfMember().address().toString();
  }
}
