package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"chasqui/chaos/load"
	"chasqui/chaos/procs"
	"chasqui/cmd/chasqui/cluster"
)

// waiting is what thousands of long polls at one frontend cost.
type waiting struct {
	Receives int `json:"receives"`
	// Window is the time over which processor time was counted, in percent of one core.
	Window       time.Duration `json:"window_ns"`
	IdlePercent  float64       `json:"idle_cpu_percent"` // of the whole cluster, before
	AllPercent   float64       `json:"cpu_percent"`      // of the whole cluster, with them
	FrontPercent float64       `json:"frontend_cpu_percent"`
	// FrontBytes and LeaderBytes are by how much the frontend and the host that leads the queue's slot have grown.
	FrontBytes  int64 `json:"frontend_bytes"`
	LeaderBytes int64 `json:"leader_bytes"`
	// Wake is from the send of one message to the end of one receive.
	Wake time.Duration `json:"wake_ns"`
}

// String renders the result as one line.
func (w *waiting) String() string {
	return fmt.Sprintf("%d waiting receives: the frontend uses %.1f %% of a core and has grown by %.1f KiB each, the slot's leader by %.1f KiB; "+
		"the whole cluster uses %.1f %% (%.1f %% without them); a message is received after %.1f ms",
		w.Receives, w.FrontPercent, float64(w.FrontBytes)/1024/float64(w.Receives), float64(w.LeaderBytes)/1024/float64(w.Receives),
		w.AllPercent, w.IdlePercent, float64(w.Wake.Microseconds())/1000)
}

const (
	// waitingWindow is shorter than a long poll.
	waitingWindow = 8 * time.Second
	// settleTime is what the last requests of thousands have to get where they wait.
	settleTime = 3 * time.Second
)

// wait measures thousands of receives that wait at the first frontend.
func (o *runner) wait(c *procs.Cluster) (*waiting, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	url, err := load.CreateQueue(c.Endpoint, "bench-wait")
	if err != nil {
		return nil, err
	}
	options := load.Options{Endpoint: c.Endpoint, QueueURL: url, Clients: 1, Batch: 1, BodyBytes: o.Body, Duration: time.Millisecond}
	load.Send(ctx, "warm up", options)
	options.Duration = time.Second
	load.ReceiveDelete(ctx, "empty the queue", options)
	b, err := backendPath(ctx, c, "bench-wait")
	if err != nil {
		return nil, err
	}
	leading := b.Slot()
	b.close()
	status, err := c.Status(ctx)
	if err != nil {
		return nil, err
	}
	file, err := c.File()
	if err != nil {
		return nil, err
	}
	front, leader := file.Of(cluster.Frontend)[0], file.Find(status.SlotLeader(leading))
	if leader == nil {
		return nil, fmt.Errorf("slot %d has no leader", leading)
	}

	idle, err := measureWindow(file)
	if err != nil {
		return nil, err
	}
	options.Endpoint, options.Clients = front.Address, o.Waiting
	waiters, err := load.Wait(ctx, options)
	if err != nil {
		return nil, err
	}
	defer waiters.Close()
	time.Sleep(settleTime)
	busy, err := measureWindow(file)
	if err != nil {
		return nil, err
	}
	sent := time.Now()
	options.Endpoint, options.Clients, options.Duration = c.Endpoint, 1, time.Millisecond
	load.Send(ctx, "wake", options)
	received, err := waiters.Received(ctx)
	if err != nil {
		return nil, err
	}
	return &waiting{
		Receives: o.Waiting, Window: waitingWindow, IdlePercent: idle.percent(file, ""), AllPercent: busy.percent(file, ""),
		FrontPercent: busy.percent(file, front.ID),
		FrontBytes:   busy.resident[front.ID] - idle.resident[front.ID],
		LeaderBytes:  busy.resident[leader.ID] - idle.resident[leader.ID],
		Wake:         received.Sub(sent),
	}, nil
}

// usage is what the processes of a cluster used in a window.
type usage struct {
	cpu      map[string]time.Duration
	resident map[string]int64 // bytes at its end
}

// measureWindow lets a window pass.
func measureWindow(file *cluster.File) (*usage, error) {
	u := &usage{cpu: map[string]time.Duration{}, resident: map[string]int64{}}
	for _, sign := range []time.Duration{-1, 1} {
		for _, p := range file.Processes {
			cpu, resident, err := readProcess(p.PID)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.ID, err)
			}
			u.cpu[p.ID] += sign * cpu
			u.resident[p.ID] = resident
		}
		if sign < 0 {
			time.Sleep(waitingWindow)
		}
	}
	return u, nil
}

// percent returns the processor time of a process, or of all, in percent of one core.
func (u *usage) percent(file *cluster.File, id string) float64 {
	var total time.Duration
	for _, p := range file.Processes {
		if id == "" || p.ID == id {
			total += u.cpu[p.ID]
		}
	}
	return 100 * total.Seconds() / waitingWindow.Seconds()
}

// clockTick is the unit of processor times in /proc, the same on all of Linux's architectures.
const clockTick = 10 * time.Millisecond

// readProcess returns a process's processor time and the memory that it holds (proc(5)).
func readProcess(pid int) (cpu time.Duration, resident int64, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	// The second field, the program's name in parentheses, may hold anything. utime, stime and rss are fields 14, 15 and 24.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const first = 3
	var numbers [3]int64
	for i, field := range []int{14, 15, 24} {
		if len(fields) <= field-first {
			return 0, 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields)+first-1)
		}
		if numbers[i], err = strconv.ParseInt(string(fields[field-first]), 10, 64); err != nil {
			return 0, 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
	}
	return time.Duration(numbers[0]+numbers[1]) * clockTick, numbers[2] * int64(os.Getpagesize()), nil
}
