// Command guest is the program that the tests of package wasi run: its first argument says what it does.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"chasqui/node"
	"chasqui/node/virtual"
)

func main() {
	acts := map[string]func(){
		"hello": hello, "timers": timers, "random": random, "fail": fail, "panic": func() { panic("the reason") },
		"deadlock": func() { select {} }, "hog": hog, "clocks": clocks, "files": files, "wait": func() { open(); select {} }, "stop": stop, "order": order,
		"dial": dial, "send": send, "receive": receive, "yield": yield, "sleep": sleep, "disk": disk, "now": now,
		"controlflow": controlFlow,
	}
	acts[os.Args[1]]()
}

func hello() {
	fmt.Println(strings.Join(os.Args, " "), os.Getenv("WHERE"), runtime.GOOS)
	fmt.Fprintln(os.Stderr, "on the standard error output")
}

// timers sets three timers, the longest first, and says when each fires.
func timers() {
	start, done := time.Now(), make(chan time.Duration)
	for _, d := range []time.Duration{time.Hour, time.Second, time.Millisecond} {
		time.AfterFunc(d, func() { done <- d })
	}
	for range 3 {
		d := <-done
		fmt.Println(d, time.Since(start)-d < time.Millisecond, time.Now().UTC().Format(time.TimeOnly))
	}
}

func random() {
	b := make([]byte, 8)
	if _, err := rand.Read(b); err != nil {
		panic(err)
	}
	fmt.Printf("%x\n", b)
}

func fail() {
	fmt.Fprintln(os.Stderr, "a first line\nthe last line")
	os.Exit(7)
}

// hog takes memory until there is none.
func hog() {
	var all [][]byte
	for {
		all = append(all, make([]byte, 1<<20))
		all[len(all)-1][0] = 1
	}
}

// clocks reads the clock for ever.
func clocks() {
	for {
		time.Now()
	}
}

// files tries what a program without files cannot do.
func files() {
	_, err := os.ReadFile("/etc/passwd")
	fmt.Println(err != nil)
	_, err = os.Create("a")
	fmt.Println(err != nil)
	n, err := os.Stdin.Read(make([]byte, 1))
	fmt.Println(n, errors.Is(err, io.EOF))
}

func open() node.Host {
	host, err := virtual.New(virtual.Options{Name: "guest", HasDisk: true})
	if err != nil {
		panic(err)
	}
	return host
}

// stop ends in order once it is asked to.
func stop() {
	ctx, release := virtual.UntilAsked()
	defer release()
	<-ctx.Done()
	fmt.Println("stopping")
}

func connect() net.Conn {
	conn, err := open().Network.Dial(context.Background(), "10.0.0.1:80")
	if err != nil {
		panic(err)
	}
	return conn
}

// dial says which error the machine's answer to a dial becomes.
func dial() {
	_, err := open().Network.Dial(context.Background(), "10.0.0.1:80")
	fmt.Println(err)
}

// count is how often the guest is to do what it does.
func count() int {
	n, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	return n
}

func send() {
	conn, p := connect(), make([]byte, 100)
	for range count() {
		if _, err := conn.Write(p); err != nil {
			panic(err)
		}
	}
}

func receive() {
	conn, p := connect(), make([]byte, 100)
	for range count() {
		if _, err := conn.Read(p); err != nil {
			panic(err)
		}
	}
}

func disk() {
	file, err := open().Disk.Create("a")
	if err != nil {
		panic(err)
	}
	for range count() {
		if err := file.Sync(); err != nil {
			panic(err)
		}
	}
}

// order has several goroutines use the disk at the same time, and says in which order they came through.
func order() {
	disk, came := open().Disk, make(chan string)
	for _, name := range []string{"a", "b", "c", "d"} {
		go func() {
			for range 4 {
				if _, err := disk.Free(); err != nil {
					panic(err)
				}
				came <- name
			}
		}()
	}
	for range 16 {
		fmt.Print(<-came)
	}
}

func yield() {
	for range count() {
		runtime.Gosched()
	}
}

func sleep() {
	for range count() {
		time.Sleep(time.Millisecond)
	}
}

func now() {
	for range count() {
		time.Now()
	}
}
