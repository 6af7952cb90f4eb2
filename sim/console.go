package sim

import (
	"fmt"
	"time"

	"chasqui/sim/wasi"
	"chasqui/sim/workload"
	"chasqui/sim/world"
)

// console is a host on which an administrator runs commands of the product, one at a time: its program is the one that all hosts of
// the cluster run, and ends when the command is done.
type console struct {
	run    *run
	member *member
	said   []byte
	end    *world.End // of the latest command, nil as long as it runs
}

var _ workload.Console = (*console)(nil)

const (
	// consoleLook is how often an administrator looks whether a command has ended.
	consoleLook = 10 * time.Millisecond
	// saidMax bounds what is kept of what a command says, in bytes.
	saidMax = 64 << 10
)

// Run carries out a command. The metadata hosts' addresses are added to its arguments.
func (c *console) Run(env workload.Env, arguments []string, patience time.Duration) workload.Ending {
	args := append([]string{"chasqui"}, arguments...)
	args = append(args, "--metadata="+c.run.scenario.Topology.rpcs(roleMetadata))
	c.said, c.end = nil, nil
	w, started := c.run.world, env.Now()
	// Programs are begun and ended by events of the world, and not on the thread of another host.
	w.After(0, func() { c.boot(args) })
	killed := false
	for c.end == nil {
		env.Sleep(consoleLook)
		if patience > 0 && env.Now()-started > patience && !killed {
			killed = true
			w.After(0, func() { c.member.host.Crash(world.CrashKill) })
		}
	}
	return workload.Ending{Exited: c.end.Crash == world.CrashNone, Code: int(c.end.Code), Said: string(c.said)}
}

func (c *console) boot(args []string) {
	err := c.member.host.Boot(func(h *world.Host) (world.Guest, error) {
		return c.run.program.Start(h, wasi.Options{Args: args, Env: []string{"TZ=UTC", "GOGC=" + collectAt}, MemoryLimitPages: memoryPages})
	})
	if err != nil {
		c.run.world.Fail(err)
	}
}

func (c *console) output(_ *world.Host, _ int32, p []byte) {
	if c.run.options.Log != nil {
		c.run.options.Log(c.run.world.Now(), c.member.plan.name, p)
	}
	c.said = append(c.said, p[:min(len(p), saidMax-len(c.said))]...)
}

// ended notes the end of a command. One that could not do what it was told says why and exits with exitError.
func (c *console) ended(_ *world.Host, end world.End) {
	c.end = &end
	if c.run.over {
		return
	}
	how := fmt.Sprintf("ends with code %d", end.Code)
	if end.Crash != world.CrashNone {
		how = "is killed"
	} else if end.Code != exitStopped && end.Code != exitError {
		c.run.violate(RuleExit, fmt.Sprintf("a command on %s ended with code %d: %s", c.member.plan.name, end.Code, excerpt(end.Detail)))
	}
	c.run.moment([]*member{c.member}, "log", "the command "+how+": "+lastLine(string(c.said)))
}
