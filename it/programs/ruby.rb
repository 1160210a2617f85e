# program: Ruby with threads, queues, fibers, sockets and child processes
# run: ruby ruby.rb
# needs: ruby
require "socket"
require "digest/sha2"
require "timeout"

$stdout.sync = true
server = TCPServer.new("127.0.0.1", 0)
Thread.report_on_exception = true
Thread.new do
  while (peer = server.accept)
    Thread.new(peer) { |p| p.each_line { |line| p.write(line.upcase) } }
  end
end
client = TCPSocket.new("127.0.0.1", server.addr[1])
jobs = Queue.new
results = Queue.new
Digest::SHA256.hexdigest("") # what it loads on its first use must not be loaded by two threads
4.times { Thread.new { loop { n = jobs.pop; results << [n, Digest::SHA256.hexdigest(n.to_s)] } } }
fibonacci = Fiber.new do
  a, b = 0, 1
  loop { Fiber.yield a; a, b = b, a + b }
end
child = IO.popen(["ruby", "-e", "$stdout.sync = true; while gets do puts $_.to_i * 3 end"], "r+")

def check(what, got, want)
  return if got == want

  puts "bad: #{what}: #{got} instead of #{want}"
  exit! 1
end

n = 0
kept = {}
a, b = 0, 1
until File.exist?("finish")
  client.puts "line #{n}"
  check "server", client.gets, "LINE #{n}\n"
  8.times { |i| jobs << n * 8 + i }
  8.times { k, digest = results.pop; check "digest", digest, Digest::SHA256.hexdigest(k.to_s) }
  check "fiber", fibonacci.resume, a
  a, b = b, a + b
  child.puts n
  check "child", child.gets, "#{n * 3}\n"
  kept[n] = "x" * (n % 1000)
  GC.start if n % 10 == 0
  check "object", kept[n / 2].length, n / 2 % 1000
  n += 1
  sleep 0.03
  puts "tick #{n}"
end
child.close
puts "ok"
exit! 3
