-- program: Lua with coroutines and pipes
-- run: lua5.4 lua.lua
-- needs: lua5.4
io.stdout:setvbuf("no")
local function check(what, got, want)
  if got ~= want then
    print("bad: " .. what .. ": " .. tostring(got) .. " instead of " .. tostring(want))
    os.exit(1)
  end
end
local function exists(name)
  local file = io.open(name)
  if file then file:close() end
  return file ~= nil
end
local squares = coroutine.wrap(function()
  local i = 0
  while true do coroutine.yield(i * i); i = i + 1 end
end)
local kept, n = {}, 0
while not exists("finish") do
  check("coroutine", squares(), n * n)
  kept[n] = string.rep("x", n % 100) .. n
  check("table", kept[n // 2], string.rep("x", n // 2 % 100) .. n // 2)
  local pipe = io.popen("seq 1 100 | awk '{ s += $1 } END { print s }'; sleep 0.03")
  check("pipe", pipe:read("n"), 5050)
  pipe:close()
  collectgarbage()
  n = n + 1
  print("tick " .. n)
end
print("ok")
os.exit(3)
