package main

import (
	"context"
	"fmt"
	"time"

	"chasqui/frontend/balancer"
)

type balancerCommand struct {
	ID             string        `help:"Name of this balancer, unique in the cluster." required:"" placeholder:"balancer-1"`
	VIP            string        `help:"Address that clients connect to; the holder listens on it." default:"127.0.0.1:9324"`
	Control        string        `help:"Address for the other balancer's questions and for host status." default:"127.0.0.1:9330"`
	Peer           string        `help:"Control address of the other balancer of the pair; none if left out." placeholder:"ADDR"`
	Frontends      []string      `help:"HTTP addresses of the frontends." required:"" placeholder:"ADDR,..."`
	Primary        bool          `help:"Take a free virtual IP at once." xor:"priority" required:""`
	Secondary      bool          `help:"Leave a free virtual IP to the primary for a second." xor:"priority" required:""`
	CheckInterval  time.Duration `help:"Time between two health checks of a frontend." default:"200ms"`
	CheckTimeout   time.Duration `help:"Time a frontend has to answer a health check." default:"500ms"`
	PingInterval   time.Duration `help:"Time between two questions to the peer." default:"200ms"`
	PingTimeout    time.Duration `help:"Time the peer has to answer." default:"300ms"`
	IdleTimeout    time.Duration `help:"Time after which a connection without traffic ends." default:"2m"`
	MaxConnections int           `help:"Client connections at a time; one more is closed." default:"10000"`
}

// Help is shown by chasqui balancer --help.
func (*balancerCommand) Help() string {
	return `Two balancers make a pair: one holds the virtual IP, the other takes it over within 1.5 seconds.

Example, a pair on one machine:

    chasqui balancer --id balancer-1 --primary   --control 127.0.0.1:9330 --peer 127.0.0.1:9331 --frontends 127.0.0.1:9340,127.0.0.1:9341
    chasqui balancer --id balancer-2 --secondary --control 127.0.0.1:9331 --peer 127.0.0.1:9330 --frontends 127.0.0.1:9340,127.0.0.1:9341`
}

// Run runs a balancer until it is told to stop.
func (c *balancerCommand) Run(g *global) error {
	p, err := openProcess(g, processOptions{role: "balancer", id: c.ID, listen: c.Control, listenFlag: "--control"})
	if err != nil {
		return err
	}
	defer p.stop()
	if err := c.start(p); err != nil {
		return err
	}
	return p.await()
}

func (c *balancerCommand) start(p *process) error {
	cfg := balancer.DefaultConfig()
	cfg.ID, cfg.VIP, cfg.Frontends = c.ID, c.VIP, c.Frontends
	cfg.Priority = balancer.Primary
	if c.Secondary {
		cfg.Priority = balancer.Secondary
	}
	cfg.CheckInterval, cfg.CheckTimeout = c.CheckInterval, c.CheckTimeout
	cfg.PingInterval, cfg.PingTimeout = c.PingInterval, c.PingTimeout
	cfg.IdleTimeout, cfg.MaxConnections = c.IdleTimeout, c.MaxConnections
	var peer balancer.Peer
	if c.Peer != "" {
		peer = balancer.NewPeer(p.client, c.Peer)
	}
	b, err := balancer.New(p.host, cfg, peer)
	if err != nil {
		return err
	}
	b.Register(p.server)
	p.serve(c.VIP, func(context.Context) (bool, string) {
		healthy, connections := b.Counts()
		holds := "stands by"
		if b.State().Holding {
			holds = "holds the VIP"
		}
		return healthy > 0, fmt.Sprintf("%s; %d of %d frontends healthy, %d connections", holds, healthy, len(c.Frontends), connections)
	})
	b.Start()
	p.atStop(b.Stop)
	return nil
}
