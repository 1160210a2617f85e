package org.dmtcp.akka.coordinator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.dmtcp.akka.protocol.ConnectionEnd;
import org.dmtcp.akka.protocol.TcpEndpoint;
import org.junit.jupiter.api.Test;

class EndpointMatchTest {
  @Test
  void endsThatMirrorEachOtherGetOneNumberAndTwoRoles() {
    Map<String, List<ConnectionEnd>> answers =
        EndpointMatch.of(
            Map.of(
                "a", List.of(end("1", "10.0.0.1", 80, "10.0.0.2", 5000)),
                "b", List.of(end("7", "10.0.0.2", 5000, "10.0.0.1", 80))));

    ConnectionEnd atA = answers.get("a").get(0);
    ConnectionEnd atB = answers.get("b").get(0);
    assertEquals("1", atA.key());
    assertEquals("7", atB.key());
    assertEquals(atA.connection(), atB.connection());
    assertNotEquals(atA.acceptor(), atB.acceptor());
    assertEquals("b", atA.peerNode());
    assertEquals("a", atB.peerNode());
  }

  @Test
  void eachEndHearsOfTheQueuesOfTheOther() {
    Map<String, List<ConnectionEnd>> answers =
        EndpointMatch.of(
            Map.of(
                "a", List.of(new TcpEndpoint("1", "n", false, 1, "x", 1, "y", 2, 300, 40)),
                "b", List.of(new TcpEndpoint("2", "n", false, 8, "y", 2, "x", 1, 0, 7))));

    ConnectionEnd atB = answers.get("b").get(0);
    assertEquals(300, atB.peerUnsent());
    assertEquals(40, atB.peerUnread());
    assertEquals(8, answers.get("a").get(0).peerState());
  }

  @Test
  void theOneThatIsNotAcceptedYetIsTheAcceptor() {
    TcpEndpoint waiting = new TcpEndpoint("9", "n", true, 1, "y", 2, "x", 1, 0, 0);
    Map<String, List<ConnectionEnd>> answers =
        EndpointMatch.of(Map.of("a", List.of(end("1", "x", 1, "y", 2)), "b", List.of(waiting)));

    assertTrue(answers.get("b").get(0).acceptor());
  }

  @Test
  void anEndWithoutAMirrorIsNotAnswered() {
    Map<String, List<ConnectionEnd>> answers =
        EndpointMatch.of(
            Map.of(
                "a", List.of(end("1", "x", 1, "y", 2), end("2", "x", 1, "z", 2)),
                "b", List.of(end("3", "y", 3, "x", 1))));

    assertEquals(Map.of(), answers);
  }

  @Test
  void addressesThatAreUsedTwiceMatchNobody() {
    Map<String, List<ConnectionEnd>> answers =
        EndpointMatch.of(
            Map.of(
                "a", List.of(end("1", "172.17.0.2", 1, "172.17.0.3", 2)),
                "b", List.of(end("2", "172.17.0.3", 2, "172.17.0.2", 1)),
                "c", List.of(end("3", "172.17.0.3", 2, "172.17.0.2", 1))));

    assertEquals(Map.of(), answers);
  }

  @Test
  void twoNamespacesOfOneNodeMatchToo() {
    Map<String, List<ConnectionEnd>> answers =
        EndpointMatch.of(
            Map.of("a", List.of(end("1", "x", 1, "y", 2), end("2", "y", 2, "x", 1))));

    assertEquals(2, answers.get("a").size());
  }

  @Test
  void aHundredThousandConnectionsHaveNumbersOfTheirOwn() {
    List<TcpEndpoint> a = new ArrayList<>();
    List<TcpEndpoint> b = new ArrayList<>();
    for (int i = 0; i < 100_000; i++) {
      String remote = "10.1." + i / 60000;
      a.add(end("a" + i, "10.0.0.1", 80, remote, 1 + i % 60000));
      b.add(end("b" + i, remote, 1 + i % 60000, "10.0.0.1", 80));
    }
    Map<String, List<ConnectionEnd>> answers = EndpointMatch.of(Map.of("a", a, "b", b));

    assertEquals(
        100_000, answers.get("a").stream().mapToLong(ConnectionEnd::connection).distinct().count());
    assertEquals(100_000, answers.get("b").size());
  }

  private static TcpEndpoint end(String key, String local, int port, String remote, int to) {
    return new TcpEndpoint(key, "net", false, 1, local, port, remote, to, 0, 0);
  }
}
