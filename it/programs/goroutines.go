// program: Go, static: goroutines, net/http, timers, child processes
// run: sh -c CGO_ENABLED=0 GOCACHE=$PWD/cache go build -o goroutines goroutines.go && exec ./goroutines
// needs: go
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
)

func check(what string, got, want interface{}) {
	if got != want {
		fmt.Printf("bad: %s: %v instead of %v\n", what, got, want)
		os.Exit(1)
	}
}

func sha(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check("listen", err, nil)
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		io.WriteString(w, sha(string(body)))
	}))
	url := "http://" + listener.Addr().String()
	ticker := time.NewTicker(30 * time.Millisecond)
	rendezvous := make(chan int)
	for i := 0; i < 1000; i++ { // they wait for most of the time
		go func() {
			for {
				x := <-rendezvous
				runtime.Gosched()
				rendezvous <- x + 1
			}
		}()
	}
	kept := map[int]string{}
	for n := 0; ; {
		if _, err := os.Stat("finish"); err == nil {
			break
		}
		var wait sync.WaitGroup
		for i := 0; i < 4; i++ {
			wait.Add(1)
			go func(body string) {
				defer wait.Done()
				response, err := http.Post(url, "text/plain", strings.NewReader(body))
				check("post", err, nil)
				text, err := io.ReadAll(response.Body)
				response.Body.Close()
				check("body", err, nil)
				check("http", string(text), sha(body))
			}(strings.Repeat("x", n*i))
		}
		wait.Wait()
		out, err := exec.Command("expr", fmt.Sprint(n), "+", "1").Output()
		check("child", err, nil)
		check("expr", strings.TrimSpace(string(out)), fmt.Sprint(n+1))
		rendezvous <- n
		check("goroutine", <-rendezvous > n, true)
		kept[n] = sha(fmt.Sprint(n))
		check("kept", kept[n/2], sha(fmt.Sprint(n/2)))
		runtime.GC()
		<-ticker.C
		n++
		fmt.Println("tick", n)
	}
	fmt.Println("ok")
	os.Exit(3)
}
