// Package bench measures a cluster of real processes: sends, receives and deletes through HTTP, sends along the
// backend's path alone, what thousands of waiting receives cost, and the time without service when a leader is killed.
package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"chasqui/chaos/load"
	"chasqui/chaos/procs"
	"chasqui/node/real"
)

// Options of a run; the tags are those of kong.
type Options struct {
	Binary   string        `help:"The chasqui binary." default:"bin/chasqui"`
	Data     string        `help:"Data folder of the cluster; made and removed if empty." default:""`
	Clients  int           `help:"Closed-loop HTTP clients." default:"16"`
	Body     int           `help:"Bytes of a message body." default:"1024"`
	Duration time.Duration `help:"Duration of each phase." default:"5s"`
	Rounds   int           `help:"Rounds; medians are reported." default:"3"`
	Only     string        `help:"Run only the phases whose name contains this." default:""`
	Waiting  int           `help:"Receives that wait at one frontend at a time; 0 for none." default:"10000"`
	Kills    int           `help:"How many times a leader is killed." default:"5"`
	Output   string        `short:"o" help:"Output: table or json." enum:"table,json" default:"table"`
}

// report is the JSON output. Phases are medians by messages per second over the rounds.
type report struct {
	Phases  []load.Result   `json:"phases"`
	Waiting *waiting        `json:"waiting,omitempty"`
	GapsMs  []int64         `json:"leader_kill_gaps_ms"`
	Options Options         `json:"options"`
	Rounds  [][]load.Result `json:"rounds"`
}

// Run starts a cluster, measures it, writes the report to out and progress to progress, and stops the cluster.
func Run(o Options, out, progress io.Writer) error {
	r := runner{Options: o, progress: progress}
	return r.run(out)
}

// runner is one run.
type runner struct {
	Options
	progress io.Writer
}

func (o *runner) run(out io.Writer) (err error) {
	if o.Data == "" {
		dir, err := os.MkdirTemp("", "chasqui-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.Data = dir
	}
	fmt.Fprintf(o.progress, "starting 2 balancers, 2 frontends, 3 metadata and 3 backend hosts in %s\n", o.Data)
	c, err := procs.Start(procs.Options{Binary: o.Binary, Dir: o.Data})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	r := report{Options: o.Options}
	if name := "waiting receives"; o.Waiting > 0 && strings.Contains(name, o.Only) {
		if r.Waiting, err = o.wait(c); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintln(o.progress, " ", r.Waiting)
	}
	for round := range o.Rounds {
		fmt.Fprintf(o.progress, "round %d of %d\n", round+1, o.Rounds)
		results, err := o.measure(c, round)
		if err != nil {
			return err
		}
		r.Rounds = append(r.Rounds, results)
	}
	r.Phases = medians(r.Rounds)
	if r.GapsMs, err = o.killLeaders(c); err != nil {
		return err
	}
	return show(out, r)
}

// measure runs every phase once, batch sizes on queues of their own.
func (o *runner) measure(c *procs.Cluster, round int) ([]load.Result, error) {
	ctx := context.Background()
	var results []load.Result
	var err error
	phase := func(name string, queue string, clients, batch int, run func(context.Context, string, load.Options) load.Result) {
		if err != nil || !strings.Contains(name, o.Only) {
			return
		}
		var url string
		if url, err = load.CreateQueue(c.Endpoint, fmt.Sprintf("bench-%d-%s", round, queue)); err != nil {
			return
		}
		results = append(results, run(ctx, name, load.Options{
			Endpoint: c.Endpoint, QueueURL: url, Clients: clients, Batch: batch, BodyBytes: o.Body, Duration: o.Duration,
		}))
		fmt.Fprintln(o.progress, " ", results[len(results)-1])
	}
	phase("HTTP send, batch 10", "ten", o.Clients, 10, load.Send)
	phase("HTTP receive+delete, batch 10", "ten", o.Clients, 10, load.ReceiveDelete)
	phase("HTTP send, batch 1", "one", o.Clients, 1, load.Send)
	phase("HTTP receive+delete, batch 1", "one", o.Clients, 1, load.ReceiveDelete)
	phase("HTTP send, batch 1, one client", "lone", 1, 1, load.Send)
	type send func(b *load.Backend, ctx context.Context, name string, callers, batch, bodyBytes int, duration time.Duration) load.Result
	path := func(send send, callers, batch int) func(context.Context, string, load.Options) load.Result {
		return func(ctx context.Context, name string, options load.Options) load.Result {
			warm := options
			warm.Duration = time.Millisecond // one send through HTTP gives the partition its settings
			load.Send(ctx, "warm up", warm)
			var b *backendLoad
			if b, err = backendPath(ctx, c, fmt.Sprintf("bench-%d-path", round)); err != nil {
				return load.Result{Name: name}
			}
			defer b.close()
			return send(b.Backend, ctx, name, callers, batch, o.Body, o.Duration)
		}
	}
	bare := func(name string, window, batch int) {
		if err != nil || !strings.Contains(name, o.Only) {
			return
		}
		var result load.Result
		if result, err = o.bare(ctx, name, window, batch); err != nil {
			err = fmt.Errorf("%s: %w", name, err)
			return
		}
		results = append(results, result)
		fmt.Fprintln(o.progress, " ", result)
	}
	bare("bare path, 2000 pipelined", 2000, 1)
	phase("backend path, 2000 pipelined", "path", 1, 1, path((*load.Backend).Pipeline, 2000, 1))
	bare("bare path, 200 batches of 10", 200, 10)
	phase("backend path, 200 batches of 10", "path", 1, 1, path((*load.Backend).Pipeline, 200, 10))
	phase("backend path, 8 synchronous", "path", 1, 1, path((*load.Backend).Send, 8, 1))
	return results, err
}

type backendLoad struct {
	*load.Backend
	close func()
}

func backendPath(ctx context.Context, c *procs.Cluster, queue string) (*backendLoad, error) {
	addresses, err := c.MetadataAddresses()
	if err != nil {
		return nil, err
	}
	host, err := real.New(real.Options{Name: "bench", LogLevel: slog.LevelError})
	if err != nil {
		return nil, err
	}
	b, err := load.OpenBackend(ctx, host, addresses, load.Account, queue)
	if err != nil {
		return nil, err
	}
	return &backendLoad{Backend: b, close: func() {
		b.Close()
		host.Tasks.Stop()
	}}, nil
}

// killLeaders kills the leader of a queue's slot while clients send, and returns the time without an answer each time.
func (o *runner) killLeaders(c *procs.Cluster) ([]int64, error) {
	url, err := load.CreateQueue(c.Endpoint, "bench-kill")
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	phase := load.Options{Endpoint: c.Endpoint, QueueURL: url, Clients: 4, Batch: 1, BodyBytes: o.Body, Duration: time.Second}
	load.Send(ctx, "warm up", phase)
	b, err := backendPath(ctx, c, "bench-kill")
	if err != nil {
		return nil, err
	}
	defer b.close()
	var gaps []int64
	for range o.Kills {
		if err := healthy(ctx, c); err != nil {
			return nil, err
		}
		status, err := c.Status(ctx)
		if err != nil {
			return nil, err
		}
		leader := status.SlotLeader(b.Slot())
		done := make(chan load.Result, 1)
		phase.Duration = 6 * time.Second
		go func() { done <- load.Send(ctx, "send while the leader is killed", phase) }()
		time.Sleep(time.Second)
		if err := c.Kill(leader); err != nil {
			return nil, err
		}
		result := <-done
		fmt.Fprintf(o.progress, "  killed %s: %d ms without an answer, %d errors\n", leader, result.Gap.Milliseconds(), result.Errors)
		gaps = append(gaps, result.Gap.Milliseconds())
	}
	slices.Sort(gaps)
	return gaps, nil
}

// healthy waits until every host is up again.
func healthy(ctx context.Context, c *procs.Cluster) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		s, err := c.Status(ctx)
		if err == nil && s.Healthy {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the cluster did not become healthy: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func medians(rounds [][]load.Result) []load.Result {
	if len(rounds) == 0 {
		return nil
	}
	var all []load.Result
	for phase := range rounds[0] {
		var of []load.Result
		for _, round := range rounds {
			of = append(of, round[phase])
		}
		slices.SortFunc(of, func(a, b load.Result) int { return int(a.PerSecond() - b.PerSecond()) })
		all = append(all, of[len(of)/2])
	}
	return all
}

func show(out io.Writer, r report) error {
	if r.Options.Output == "json" {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	fmt.Fprintf(out, "medians of %d rounds of %s, %d clients, %d-byte bodies\n", r.Options.Rounds, r.Options.Duration, r.Options.Clients, r.Options.Body)
	for _, p := range r.Phases {
		fmt.Fprintln(out, p)
	}
	if r.Waiting != nil {
		fmt.Fprintln(out, r.Waiting)
	}
	if len(r.GapsMs) > 0 {
		fmt.Fprintf(out, "time without service when a leader is killed: median %d ms of %v\n", r.GapsMs[len(r.GapsMs)/2], r.GapsMs)
	}
	return nil
}
