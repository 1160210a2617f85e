// program: Mono: threads, tasks, timers, sockets, a child process
// run: sh -c mcs -out:mono.exe mono.cs && exec mono mono.exe
// needs: mono mcs
using System;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;

class Program {
  static int timed;

  static void Check(string what, bool good) {
    if (!good) {
      Console.WriteLine("bad: " + what);
      Environment.Exit(1);
    }
  }

  static void Serve(TcpListener listener) {
    using (var client = listener.AcceptTcpClient()) {
      var reader = new StreamReader(client.GetStream());
      var writer = new StreamWriter(client.GetStream()) { AutoFlush = true };
      string line;
      while ((line = reader.ReadLine()) != null) writer.WriteLine(long.Parse(line) * 3);
    }
  }

  static void Main() {
    var listener = new TcpListener(IPAddress.Loopback, 0);
    listener.Start();
    new Thread(() => Serve(listener)) { IsBackground = true }.Start();
    var socket = new TcpClient("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port);
    var answers = new StreamReader(socket.GetStream());
    var questions = new StreamWriter(socket.GetStream()) { AutoFlush = true };
    var timer = new Timer(_ => Interlocked.Increment(ref timed), null, 5, 5);
    var kept = new ConcurrentDictionary<int, string>();
    for (int n = 0; !File.Exists("finish"); n++) {
      var sums = Enumerable.Range(0, 8).Select(i => Task.Run(
          () => Enumerable.Range(1, 1000 + n % 100 + i).Sum())).ToArray();
      Task.WaitAll(sums);
      for (int i = 0; i < 8; i++) {
        int to = 1000 + n % 100 + i;
        Check("task", sums[i].Result == to * (to + 1) / 2);
      }
      questions.WriteLine(n);
      Check("socket", answers.ReadLine() == (n * 3L).ToString());
      int before = timed;
      for (int tries = 0; timed == before && tries < 3000; tries++) Thread.Sleep(10);
      Check("timer", timed > before);
      kept[n] = new string('x', n % 50) + n;
      Check("kept", kept[n / 2].EndsWith((n / 2).ToString()));
      if (n % 10 == 0) {
        var child = Process.Start(new ProcessStartInfo("echo", "42") {
            RedirectStandardOutput = true, UseShellExecute = false });
        Check("child", child.StandardOutput.ReadLine() == "42");
        child.WaitForExit();
      }
      GC.Collect();
      Console.WriteLine("tick " + (n + 1));
      Thread.Sleep(20);
    }
    GC.KeepAlive(timer);
    Console.WriteLine("ok");
    Environment.Exit(3);
  }
}
