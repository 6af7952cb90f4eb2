package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"time"

	"chasqui/node"
	"chasqui/node/hoststatus"
	"chasqui/node/identity"
	"chasqui/node/rpc"
)

// process is what every role starts with: a host, its data folder if the role has one, and the two ends of internal
// RPC. "dev" has several in one operating system process.
type process struct {
	host    node.Host
	role    string
	server  *rpc.Server
	client  *rpc.Client
	rpcAt   net.Listener
	folder  *identity.Folder // nil without a data folder
	started time.Time
	stops   []func()
	failed  chan error // receives why the process cannot go on
	// health says whether the role does what it is for, and something about it; set by serve.
	health func(ctx context.Context) (healthy bool, detail string)
}

// processOptions says what a process needs of its machine.
type processOptions struct {
	role, id string
	// data is the data folder's path, empty for a role without one; spaceBytes is the room it must have.
	data       string
	spaceBytes int64
	// listen is the address for internal RPC, and listenFlag the flag it came from, for error messages.
	listen, listenFlag string
}

// openProcess takes the data folder, listens for RPC (but does not answer before serve), and makes a client. stop
// gives everything back.
func openProcess(g *global, o processOptions) (*process, error) {
	host, err := openHost(g, o.id, o.data)
	if err != nil {
		return nil, err
	}
	p := &process{host: host, role: o.role, started: host.Clock.Now(), failed: make(chan error, 1)}
	p.atStop(host.Tasks.Stop)
	if o.data != "" {
		if p.folder, err = claimFolder(host, o.role, o.id, o.data, o.spaceBytes); err != nil {
			p.stop()
			return nil, err
		}
		p.atStop(func() { p.close("data folder", p.folder.Close) })
	}
	if p.rpcAt, err = listen(host, o.listen, o.listenFlag); err != nil {
		p.stop()
		return nil, err
	}
	p.client = rpc.NewClient(host, rpc.DefaultConfig())
	p.atStop(p.client.Close)
	p.server = rpc.NewServer(host, rpc.DefaultConfig())
	p.atStop(p.closeServer)
	if err := p.serveProfiles(g.Pprof); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// serveProfiles answers the profiler's requests on an address of its own, if one is given.
func (p *process) serveProfiles(address string) error {
	if address == "" {
		return nil
	}
	listener, err := listen(p.host, address, "--pprof")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: profileHeaderTimeout}
	p.atStop(func() { p.close("profiler", server.Close) })
	p.run("profiler", func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	return nil
}

// profileHeaderTimeout bounds how long a request to the profiler may take to arrive.
const profileHeaderTimeout = 5 * time.Second

func (p *process) closeServer() {
	p.server.Close()
	if err := p.rpcAt.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		p.host.Log.Warn("closing the RPC listener", "error", err)
	}
}

// claimFolder takes a data folder and explains what is wrong with it if it cannot be taken.
func claimFolder(host node.Host, role, id, data string, spaceBytes int64) (*identity.Folder, error) {
	folder, err := identity.Claim(host, role, id, spaceBytes)
	var foreign *identity.ForeignError
	switch {
	case err == nil:
		return folder, nil
	case errors.As(err, &foreign):
		return nil, fmt.Errorf("%s: %w; choose another folder with --data", data, err)
	case errors.Is(err, node.ErrLocked):
		return nil, fmt.Errorf("data folder %s is in use by another process; stop that, or choose another folder with --data: %w", data, err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("data folder %s is not writable: %w", data, err)
	}
	return nil, fmt.Errorf("data folder %s: %w", data, err)
}

// listen listens on address, which came from the given flag.
func listen(host node.Host, address, flag string) (net.Listener, error) {
	listener, err := host.Network.Listen(address)
	if errors.Is(err, node.ErrAddressInUse) {
		return nil, fmt.Errorf("%s is in use by another process; stop that, or choose another address with %s: %w", address, flag, err)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s (%s): %w", address, flag, err)
	}
	return listener, nil
}

// tryListen returns an error if a client address given by --listen cannot be listened on.
func tryListen(host node.Host, address string) error {
	listener, err := listen(host, address, "--listen")
	if err != nil {
		return err
	}
	if err := listener.Close(); err != nil {
		return fmt.Errorf("try %s: %w", address, err)
	}
	return nil
}

// serve answers RPCs from here on, until the process stops: that is the first thing to end, so that no call finds a
// part that has been closed. health says whether the role does what it is for, and something about it.
func (p *process) serve(address string, health func(ctx context.Context) (healthy bool, detail string)) {
	p.health = health
	hoststatus.Serve(p.server, func(ctx context.Context) hoststatus.Status {
		healthy, detail := health(ctx)
		return hoststatus.Status{
			Role: p.role, ID: p.host.Name, Address: address, PID: os.Getpid(), StartedMs: p.started.UnixMilli(),
			Healthy: healthy, Detail: detail,
		}
	})
	p.run("rpc-server", func() error { return p.server.Serve(p.rpcAt) })
	p.atStop(p.closeServer)
}

// run starts a task that the process cannot do without: should it end with an error, await returns that.
func (p *process) run(name string, f func() error) {
	p.host.Tasks.Go(name, func(ctx context.Context) {
		if err := f(); err != nil && ctx.Err() == nil {
			p.fail(fmt.Errorf("%s: %w", name, err))
		}
	})
}

// fail makes await return err. Of several errors the first counts; the others follow from it.
func (p *process) fail(err error) {
	select {
	case p.failed <- err:
	default:
	}
}

// rpcAddress is where this process answers RPCs.
func (p *process) rpcAddress() string { return p.rpcAt.Addr().String() }

// atStop adds something to do when the process stops, before everything that was added earlier.
func (p *process) atStop(f func()) { p.stops = append(p.stops, f) }

// close closes a part and logs what it says.
func (p *process) close(part string, f func() error) {
	if err := f(); err != nil {
		p.host.Log.Warn("closing the "+part, "error", err)
	}
}

// stop undoes the start in reverse order. Stopping twice is harmless.
func (p *process) stop() {
	stops := p.stops
	p.stops = nil
	for i := len(stops) - 1; i >= 0; i-- {
		stops[i]()
	}
}

// await returns nil when the process is told to stop, or the error for which it cannot go on.
func (p *process) await() error {
	ctx, release := untilSignal()
	defer release()
	select {
	case <-ctx.Done():
		p.host.Log.Info("stopping")
		return nil
	case err := <-p.failed:
		return err
	}
}
