package cluster

import (
	"io"
	"io/fs"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"chasqui/node"
	"chasqui/node/identity"
	"chasqui/node/memdisk"
	"chasqui/node/real"
)

func newHost(t *testing.T) node.Host {
	t.Helper()
	host, err := real.New(real.Options{Name: "test", LogOutput: io.Discard})
	require.NoError(t, err)
	host.Disk = memdisk.New()
	t.Cleanup(host.Tasks.Stop)
	return host
}

func shape() Shape {
	return Shape{Listen: "127.0.0.1:9324", Balancers: 2, Frontends: 2, Metadata: 3, Backends: 3, Slots: 8}
}

func plan(t *testing.T, host node.Host, s Shape, previous *File) *File {
	t.Helper()
	f, err := Plan(host, s, previous, "data/logs")
	require.NoError(t, err)
	return f
}

func TestAPlanHasEveryProcessInStartingOrderOnAPortOfItsOwn(t *testing.T) {
	f := plan(t, newHost(t), shape(), nil)
	var ids []string
	ports := map[string]bool{}
	for _, p := range f.Processes {
		ids = append(ids, p.ID)
		addresses := []string{p.RPC}
		switch p.Role {
		case Frontend:
			addresses = append(addresses, p.Address)
		case Balancer:
			require.Equal(t, "127.0.0.1:9324", p.Address)
		default:
			require.Equal(t, p.RPC, p.Address)
		}
		for _, address := range addresses {
			host, _, err := net.SplitHostPort(address)
			require.NoError(t, err)
			require.Equal(t, "127.0.0.1", host)
			require.False(t, ports[address], "%s is given twice", address)
			ports[address] = true
		}
		require.Equal(t, "data/logs/"+p.ID+".log", p.Log)
	}
	require.Equal(t, []string{
		"metadata-1", "metadata-2", "metadata-3", "backend-1", "backend-2", "backend-3",
		"frontend-1", "frontend-2", "balancer-1", "balancer-2",
	}, ids)
}

func TestASecondStartKeepsAddresses(t *testing.T) {
	host := newHost(t)
	first := plan(t, host, shape(), nil)
	require.NoError(t, first.Save(host.Disk))
	loaded, err := Load(host.Disk)
	require.NoError(t, err)
	require.Equal(t, first, loaded)

	larger := shape()
	larger.Frontends, larger.Backends, larger.Balancers = 3, 4, 1
	second := plan(t, host, larger, loaded)
	for _, p := range second.Processes {
		if known := first.Find(p.ID); known != nil {
			require.Equal(t, *known, p)
		}
	}
	require.NotNil(t, second.Find("backend-4"))
	require.NotNil(t, second.Find("frontend-3"))
	require.Nil(t, second.Find("balancer-2"))
}

func TestWhatAClusterCannotBecomeIsRefused(t *testing.T) {
	host := newHost(t)
	f := plan(t, host, shape(), nil)
	for name, change := range map[string]func(*Shape){
		"--metadata 5":  func(s *Shape) { s.Metadata = 5 },
		"--backends 2":  func(s *Shape) { s.Backends = 2 },
		"--slots 4":     func(s *Shape) { s.Slots = 4 },
		"--balancers 3": func(s *Shape) { s.Balancers = 3 },
		"--frontends 0": func(s *Shape) { s.Frontends = 0 },
		"--listen":      func(s *Shape) { s.Listen = "9324" },
	} {
		t.Run(name, func(t *testing.T) {
			changed := shape()
			change(&changed)
			_, err := Plan(host, changed, f, "logs")
			require.ErrorContains(t, err, name)
		})
	}
}

func TestArguments(t *testing.T) {
	f := &File{Listen: "127.0.0.1:9324", Slots: 8, Processes: []Process{
		{Role: Metadata, ID: "metadata-1", Address: "m:1", RPC: "m:1"},
		{Role: Metadata, ID: "metadata-2", Address: "m:2", RPC: "m:2"},
		{Role: Backend, ID: "backend-1", Address: "b:1", RPC: "b:1"},
		{Role: Frontend, ID: "frontend-1", Address: "f:1", RPC: "f:2"},
		{Role: Balancer, ID: "balancer-1", Address: "127.0.0.1:9324", RPC: "l:1"},
		{Role: Balancer, ID: "balancer-2", Address: "127.0.0.1:9324", RPC: "l:2"},
	}}
	for id, want := range map[string][]string{
		"metadata-2": {"metadata", "--id=metadata-2", "--listen=m:2", "--data=data/metadata-2", "--members=metadata-1=m:1,metadata-2=m:2", "--expect-backends=1", "--slots=8"},
		"backend-1":  {"backend", "--id=backend-1", "--listen=b:1", "--data=data/backend-1", "--metadata=m:1,m:2", "--zone=local"},
		"frontend-1": {"frontend", "--id=frontend-1", "--listen=f:1", "--control=f:2", "--metadata=m:1,m:2"},
		"balancer-1": {"balancer", "--id=balancer-1", "--vip=127.0.0.1:9324", "--control=l:1", "--frontends=f:1", "--primary", "--peer=l:2"},
		"balancer-2": {"balancer", "--id=balancer-2", "--vip=127.0.0.1:9324", "--control=l:2", "--frontends=f:1", "--secondary", "--peer=l:1"},
	} {
		require.Equal(t, want, f.Args(*f.Find(id), "data"))
	}
}

func TestAFileThatCannotBeReadIsAnError(t *testing.T) {
	host := newHost(t)
	_, err := Load(host.Disk)
	require.ErrorIs(t, err, fs.ErrNotExist)
	for _, content := range []string{"", "{", `{"format":2}`} {
		require.NoError(t, identity.WriteFile(host.Disk, FileName, []byte(content)))
		_, err := Load(host.Disk)
		require.Error(t, err, "%q", content)
	}
}
