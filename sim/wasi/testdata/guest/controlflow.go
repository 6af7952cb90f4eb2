package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// controlFlow goes through what Go can do to the order of things, and says what came of it.
func controlFlow() {
	for _, act := range []func() any{
		recovers, recursion, goroutines, selects, loops, arithmetic, comparisons, closures, collections, libraries,
	} {
		fmt.Println(act())
	}
}

// recovers has panics of every origin recovered, deep in the stack, by deferred functions that change results, switch to
// other goroutines, and panic themselves.
func recovers() any {
	var causes []string
	try := func(f func()) (again bool) {
		defer func() {
			runtime.Gosched()
			if r := recover(); r != nil {
				causes = append(causes, fmt.Sprint(r))
				again = true
			}
		}()
		defer func() {
			if len(causes)%2 == 1 {
				panic(fmt.Sprintf("deferred %d", len(causes)))
			}
		}()
		f()
		return false
	}
	var missing *strings.Builder
	var nothing any
	var list []int
	zero := len(list)
	for _, f := range []func(){
		func() { missing.Len() }, func() { _ = list[zero] }, func() { _ = 1 / zero }, func() { _ = nothing.(error) },
		func() { panic(errors.New("own")) }, func() {}, func() { var m map[string]int; m["a"] = 1 },
		func() {
			for i := range 5 {
				defer func() {
					if i == 3 {
						runtime.Gosched()
					}
				}()
			}
			panic("in a loop of defers")
		},
	} {
		causes = append(causes, fmt.Sprint(try(f)))
	}
	done := make(chan string)
	go func() {
		defer close(done)
		defer func() { done <- "goexit" }()
		runtime.Goexit()
	}()
	return append(causes, <-done)
}

// recursion grows the stack of a goroutine many times, and unwinds it by a panic.
func recursion() (depth any) {
	var down func(n int, pad [40]int) int
	down = func(n int, pad [40]int) int {
		if n == 0 {
			panic(pad[7])
		}
		pad[7] += n
		if n%1000 == 0 {
			runtime.Gosched()
		}
		return down(n-1, pad) + pad[3]
	}
	defer func() { depth = recover() }()
	return down(20_000, [40]int{})
}

// goroutines hands numbers through a line of goroutines while others wait for locks and conditions.
func goroutines() any {
	const stages = 50
	first := make(chan int)
	in := first
	for stage := range stages {
		from, out := in, make(chan int, stage%3)
		go func() {
			for v := range from {
				out <- v + stage
			}
			close(out)
		}()
		in = out
	}
	var mu sync.Mutex
	ready, waiting, count := sync.NewCond(&mu), 0, 0
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			mu.Lock()
			defer mu.Unlock()
			for waiting++; count == 0; {
				ready.Wait()
			}
			count++
		})
	}
	go func() {
		for i := range 100 {
			first <- i
		}
		close(first)
	}()
	sum := 0
	for v := range in {
		sum += v
	}
	mu.Lock()
	count = 1
	ready.Broadcast()
	mu.Unlock()
	all.Wait()
	return []int{sum, waiting, count}
}

// selects chooses among channels that are ready, not ready, nil and closed.
func selects() any {
	a, b, quit := make(chan int), make(chan string, 1), make(chan struct{})
	go func() {
		for i := range 10 {
			a <- i
		}
		close(quit)
	}()
	var seen []string
	var never chan int
	for {
		select {
		case v := <-a:
			seen = append(seen, fmt.Sprint("a", v))
			select {
			case b <- fmt.Sprint("b", v):
			default:
				seen = append(seen, "full")
			}
		case s := <-b:
			seen = append(seen, s)
		case <-never:
		case _, open := <-quit:
			slices.Sort(seen) // which of several ready ones is taken is random
			return fmt.Sprint(len(seen), open, seen[0])
		}
	}
}

// loops breaks out of and continues nested loops, with and without calls inside.
func loops() any {
	total, text := 0, []byte("the quick brown fox jumps over the lazy dog")
outer:
	for i := range 40 {
		for j := 0; ; j++ {
			switch {
			case j > i:
				continue outer
			case i*j > 900:
				break outer
			case i%7 == 3 && j%2 == 0:
				goto next
			case j%5 == 4:
				total += len(fmt.Sprint(i, j))
			}
			for _, c := range text {
				if c == 'q' {
					break
				}
				total += int(c) & j
			}
		next:
			total++
		}
	}
	for c := range slices.Chunk(text, 7) {
		if total += len(c); total%11 == 0 {
			break
		}
	}
	return total
}

// arithmetic uses operations of every width.
func arithmetic() any {
	x, parts := uint64(0x9e3779b97f4a7c15), []any{}
	for i := range 20 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		signed := int64(x)
		parts = append(parts, uint8(x)+uint8(i), int8(x)>>1, uint16(x)*3, int16(x)%7, uint32(x)/5, int32(x)-9,
			signed/int64(i+1), signed%11, uint64(uint32(x))&0xffffffff, math.Float64bits(float64(signed)*1.5), uint32(float32(x>>40)),
			uint64(uint8(x))&0xff == x&0xff, uint64(uint16(x))|1, int(int8(x)) < 0, x&0x1000 == 0, !(x > 1<<63))
	}
	sum := sha256.Sum256([]byte(fmt.Sprint(parts...)))
	return fmt.Sprintf("%x", sum[:8])
}

// comparisons counts what is true of pairs of numbers, strings and structures.
func comparisons() any {
	values := []int64{math.MinInt64, -1 << 32, -1, 0, 1, 1 << 31, 1<<32 - 1, 1 << 32, math.MaxInt64}
	counts := make([]int, 16)
	tell := func(i int, is bool) {
		if is {
			counts[i]++
		}
	}
	for _, a := range values {
		for _, b := range values {
			for i, is := range []bool{
				a == b, !(a == b), a < b, !(a < b), a <= b, !(a <= b), uint64(a) < uint64(b), !(uint64(a) <= uint64(b)),
				int32(a) > int32(b), !(int32(a) > int32(b)), uint32(a) >= uint32(b), !(uint32(a) >= uint32(b)),
				float64(a) < float64(b), !(float64(a) >= float64(b)), fmt.Sprint(a) < fmt.Sprint(b), [2]int64{a, b} == [2]int64{b, a},
			} {
				tell(i, is)
			}
		}
	}
	return counts
}

// closures calls functions through values, methods and interfaces.
func closures() any {
	compose := func(fs ...func(int) int) func(int) int {
		return func(x int) int {
			for _, f := range fs {
				x = f(x)
			}
			return x
		}
	}
	var stringers []fmt.Stringer
	for i := range 3 {
		stringers = append(stringers, big.NewInt(int64(i)<<40))
	}
	method := stringers[2].String
	return fmt.Sprint(compose(func(x int) int { return x * 3 }, func(x int) int { return x - 1 })(14), method(), stringers)
}

// collections fills maps and sorts, with the collector running.
func collections() any {
	m := map[string][]int{}
	for i := range 3000 {
		key := fmt.Sprint(i % 257)
		m[key] = append(m[key], i)
		if i%5 == 0 {
			delete(m, fmt.Sprint(i%31))
		}
		if i%1000 == 999 {
			runtime.GC()
		}
	}
	total := 0
	for key, list := range m {
		total += len(key) * len(list)
	}
	return []int{len(m), total}
}

// libraries uses packages with code of many shapes.
func libraries() any {
	var value map[string]any
	err := json.Unmarshal([]byte(`{"a":[1,2.5,"x\u00e9",null,true,{"b":{}}],"c":-1e3}`), &value)
	text, again := json.Marshal(value)
	power := new(big.Int).Exp(big.NewInt(7), big.NewInt(500), big.NewInt(1_000_000_007))
	return fmt.Sprint(string(text), err, again, crc32.ChecksumIEEE(text), power, strings.Fields(strings.Repeat(" a b", 9)))
}
