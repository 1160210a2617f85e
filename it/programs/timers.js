// Node.js: timers, file reads in its thread pool, garbage collection, a child process.
const fs = require('fs');
const { spawn } = require('child_process');
let n = 0;
let sum = 0;
const child = spawn('cat');
child.stdout.on('data', (data) => { sum += data.toString().split('\n').length - 1; });
const timer = setInterval(() => {
  n++;
  const rubbish = [];
  for (let i = 0; i < 20000; i++) rubbish.push({ i });
  child.stdin.write(`line ${n}\n`);
  fs.readFileSync('/proc/self/stat');
  if (n % 10 === 0) console.log('turn', n);
  if (n === 250) { clearInterval(timer); child.stdin.end(); }
}, 10);
child.on('close', (status) => console.log('child ended', status, 'after', sum, 'lines'));
