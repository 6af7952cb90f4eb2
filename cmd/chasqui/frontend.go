package main

import (
	"context"
	"fmt"
	"time"

	"chasqui/backend"
	"chasqui/frontend"
	"chasqui/metadata"
	"chasqui/node"
)

// shutdownTimeout bounds the wait for requests under way when a frontend stops; a long poll that takes longer is cut.
const shutdownTimeout = 3 * time.Second

type frontendCommand struct {
	ID             string        `help:"Name of this frontend, unique in the cluster." required:"" placeholder:"frontend-1"`
	Listen         string        `help:"Address of the HTTP server." default:"127.0.0.1:9340"`
	Control        string        `help:"Address for host status." default:"127.0.0.1:0"`
	Metadata       []string      `help:"RPC addresses of the metadata hosts." required:"" placeholder:"ADDR,..."`
	Account        string        `help:"Account, 12 digits, of callers whose access key is not an account number." default:"000000000000"`
	Region         string        `help:"Region of requests that are not signed for one." default:"us-east-1"`
	PublicURL      string        `help:"Beginning of queue URLs; the address a request was sent to if left out." placeholder:"URL"`
	RequestTimeout time.Duration `help:"Time to answer a request; a long poll adds its wait." default:"5s"`
	NoDeleteQueue  bool          `help:"Take DeleteQueue off the API: only administrators delete (chasqui queue delete --admin)."`
	CreateQueues   bool          `help:"Create a queue that does not exist when a message is sent to it, with default settings."`
	DrainWait      time.Duration `help:"Wait between failing health checks and stopping, for balancers to notice." default:"0s"`
}

// Help is shown by chasqui frontend --help.
func (*frontendCommand) Help() string {
	return `A frontend keeps nothing on disk; run as many as the load needs.

Example:

    chasqui frontend --id frontend-1 --listen 127.0.0.1:9340 --metadata 127.0.0.1:9351,127.0.0.1:9352,127.0.0.1:9353`
}

// Run runs a frontend until it is told to stop.
func (c *frontendCommand) Run(g *global) error {
	p, err := openProcess(g, processOptions{role: "frontend", id: c.ID, listen: c.Control, listenFlag: "--control"})
	if err != nil {
		return err
	}
	defer p.stop()
	if _, err := c.start(p); err != nil {
		return err
	}
	return p.await()
}

// start puts a frontend together and returns the address of its HTTP server.
func (c *frontendCommand) start(p *process) (address string, err error) {
	cfg := frontend.DefaultConfig()
	cfg.DefaultAccount, cfg.DefaultRegion, cfg.PublicURL = c.Account, c.Region, c.PublicURL
	cfg.RequestTimeout = c.RequestTimeout
	cfg.NoDeleteQueue, cfg.CreateQueues = c.NoDeleteQueue, c.CreateQueues
	client := metadata.NewClient(p.host, p.client, c.Metadata)
	cache, err := metadata.NewCache(p.host, client, metadata.DefaultCacheConfig())
	if err != nil {
		return "", fmt.Errorf("metadata cache: %w", err)
	}
	p.atStop(cache.Close)
	server, err := frontend.NewServer(p.host, cfg, client, cache, backend.NewClient(p.host, p.client, cache))
	if err != nil {
		return "", err
	}
	listener, err := listen(p.host, c.Listen, "--listen")
	if err != nil {
		return "", err
	}
	address = listener.Addr().String()
	p.run("frontend-server", func() error { return server.Serve(listener) })
	p.atStop(func() { c.shutdown(p, server) })
	p.serve(address, func(ctx context.Context) (bool, string) {
		if err := cache.Refresh(ctx); err != nil {
			return false, err.Error()
		}
		return true, fmt.Sprintf("knows %d slots", cache.SlotCount())
	})
	p.host.Log.Info("frontend serves", "address", address)
	return address, nil
}

// shutdown lets balancers and requests under way have their time, then ends the rest.
func (c *frontendCommand) shutdown(p *process, server *frontend.Server) {
	server.Drain()
	if c.DrainWait > 0 {
		if err := node.Wait(context.Background(), p.host.Clock, c.DrainWait); err != nil {
			p.host.Log.Warn("waiting for balancers to notice", "error", err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		p.host.Log.Warn("requests were cut off", "error", err)
	}
	server.Close()
}
