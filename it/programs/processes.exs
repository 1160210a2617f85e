# program: Elixir on the Erlang machine: a thousand processes, timers, a port
# run: sh -c exec elixir --erl '+S 2' processes.exs
# needs: elixir
defmodule Work do
  def check(_, true), do: :ok
  def check(what, _) do
    IO.puts("bad: #{what}")
    System.halt(1)
  end

  def echo do
    receive do
      {from, n} -> send(from, {self(), n * n})
    end
    echo()
  end

  def answer(port) do
    receive do
      {^port, {:data, {:eol, line}}} -> line
    after
      30_000 -> check("no answer of the child", false)
    end
  end

  def loop(n, pids, port, kept) do
    unless File.exists?("finish") do
      Enum.each(pids, &send(&1, {self(), n}))
      Enum.each(pids, fn pid ->
        receive do
          {^pid, square} -> check("process", square == n * n)
        after
          30_000 -> check("no answer of a process", false)
        end
      end)
      :erlang.send_after(5, self(), {:timer, n})
      receive do
        {:timer, ^n} -> :ok
      after
        30_000 -> check("timer", false)
      end
      Port.command(port, "line #{n}\n")
      check("child", answer(port) == "line #{n}")
      kept = Map.put(kept, n, :crypto.hash(:sha256, "#{n}"))
      check("map", kept[div(n, 2)] == :crypto.hash(:sha256, "#{div(n, 2)}"))
      IO.puts("tick #{n + 1}")
      loop(n + 1, pids, port, kept)
    end
  end
end

port = Port.open({:spawn_executable, System.find_executable("cat")}, [:binary, {:line, 1000}])
pids = for _ <- 1..1000, do: spawn(&Work.echo/0)
Work.loop(0, pids, port, %{})
IO.puts("ok")
System.halt(3)
