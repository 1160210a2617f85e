// program: Node.js: HTTP with keep-alive, worker threads, a forked child, timers
// run: node node.js
// needs: node
const http = require('http');
const fs = require('fs');
const crypto = require('crypto');
const { fork } = require('child_process');
const { Worker, isMainThread, parentPort } = require('worker_threads');

const sha = (text) => crypto.createHash('sha256').update(String(text)).digest('hex');

function check(what, got, want) {
  if (got !== want) {
    console.log(`bad: ${what}: ${got} instead of ${want}`);
    process.exit(1);
  }
}

async function main() {
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => response.end(sha(body)));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  const post = (body) => new Promise((done, fail) => {
    const options = { port: server.address().port, host: '127.0.0.1', method: 'POST', agent };
    const request = http.request(options, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => done(text));
    });
    request.on('error', fail);
    request.end(body);
  });
  const worker = new Worker(__filename);
  const child = fork(__filename, ['child']);
  const ask = (peer, send, n) => new Promise((done) => {
    peer.once('message', done);
    send.call(peer, n);
  });
  const kept = new Map();
  for (let n = 0; !fs.existsSync('finish'); ) {
    const bodies = [0, 1, 2, 3, 4, 5].map((i) => `${n} ${i} ` + 'x'.repeat(n * i));
    const answers = await Promise.all(bodies.map(post));
    answers.forEach((answer, i) => check('http', answer, sha(bodies[i])));
    check('worker', await ask(worker, worker.postMessage, n), sha(n));
    check('child', await ask(child, child.send, n), sha(n));
    kept.set(n, { text: 'y'.repeat(n % 100) });
    check('kept', kept.get(n >> 1).text.length, (n >> 1) % 100);
    await new Promise((done) => setTimeout(done, 30));
    console.log(`tick ${++n}`);
  }
  console.log('ok');
  process.exit(3);
}

if (process.argv[2] === 'child') {
  process.on('message', (n) => process.send(sha(n)));
} else if (isMainThread) {
  main();
} else {
  parentPort.on('message', (n) => parentPort.postMessage(sha(n)));
}
