package suite

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"chasqui/sim"
)

func TestASeedIsAPlan(t *testing.T) {
	asText := func(seed uint64) string {
		p, err := Draw(seed, time.Minute, nil)
		require.NoError(t, err)
		text, err := json.Marshal(p)
		require.NoError(t, err)
		return string(text)
	}
	require.Equal(t, asText(7), asText(7))
	require.NotEqual(t, asText(7), asText(8))
}

func TestPlansStayWithinThePromises(t *testing.T) {
	for seed := range uint64(200) {
		p, err := Draw(seed, 3*time.Minute, nil)
		require.NoError(t, err)
		require.NoError(t, p.Workload.Validate())
		require.True(t, p.Failpoints)
		seen := map[sim.FaultKind]bool{}
		loses := map[string]string{} // by role
		last := time.Duration(0)
		for _, f := range p.Faults {
			k := kindOf(f.Kind)
			require.NotNil(t, k, f.Kind)
			seen[f.Kind] = true
			require.GreaterOrEqual(t, f.At, max(last, firstFault))
			require.Less(t, f.At, p.FaultyPhase)
			last = f.At
			require.Equal(t, k.lasts, f.For > 0, f.Kind)
			require.LessOrEqual(t, f.For, lastingMax)
			require.Equal(t, f.Kind == sim.NoPeer || f.Kind == KillAll, len(f.On) == 0, f.Kind)
			for _, name := range slices.Concat(f.On, f.And) {
				require.True(t, slices.Contains(hosts(), name) || name == vipHolder || strings.HasPrefix(name, leaderPrefix), name)
			}
			if f.Kind == sim.Wipe || f.Kind == OldFolder || f.Kind == FailpointRejoin {
				role := roleOf(f.On[0])
				require.Len(t, f.On, 1)
				require.True(t, loses[role] == "" || loses[role] == f.On[0], "two %s hosts lose their folders", role)
				loses[role] = f.On[0]
			}
			if k.failpoints {
				name, what := terms(&f)
				require.True(t, slices.Contains(failpoints, name) || name == diskSync || name == diskWrite, name)
				require.NotEmpty(t, what)
				require.Equal(t, f.Kind == FailpointRejoin, strings.Contains(name, "Rejoin"), name)
				require.True(t, f.Kind != FailpointBoot || strings.HasPrefix(name, walPackage), name)
			}
		}
		require.Len(t, seen, len(kinds), "three minutes have room for every kind")
	}
}

func TestOnlySomeKinds(t *testing.T) {
	p, err := Draw(1, time.Minute, []string{"cut", "kill"})
	require.NoError(t, err)
	require.False(t, p.Failpoints)
	for _, f := range p.Faults {
		require.Contains(t, []sim.FaultKind{sim.Cut, sim.Kill}, f.Kind)
	}
	_, err = Draw(1, time.Minute, []string{"cut", "earthquake"})
	require.ErrorContains(t, err, "earthquake")
	require.ErrorContains(t, err, "half-open")
	for _, d := range []time.Duration{0, time.Second, 13 * time.Hour} {
		_, err = Draw(1, d, nil)
		require.ErrorContains(t, err, "duration")
	}
}

func TestEveryKindIsExplainedAndCarriedOut(t *testing.T) {
	for i, sort := range Kinds() {
		require.Equal(t, kinds[i].kind, sort.Kind)
		require.NotEmpty(t, sort.Says)
		require.NotNil(t, kinds[i].begin)
		require.Equal(t, kinds[i].lasts, kinds[i].lift != nil, sort.Kind)
	}
}

// TestFailpointsExist looks for every failpoint in the source: failpoint-ctl qualifies the name that is written there with the
// package's path.
func TestFailpointsExist(t *testing.T) {
	for _, name := range append(slices.Clone(failpoints), diskSync, diskWrite) {
		folder, short, found := "", "", false
		for _, of := range []string{walPackage, replicationPackage} {
			if rest, ok := strings.CutPrefix(name, of); ok {
				folder, short, found = strings.TrimPrefix(of, "chasqui/"), rest, true
			}
		}
		require.True(t, found, name)
		files, err := filepath.Glob(filepath.Join("..", "..", folder, "*.go"))
		require.NoError(t, err)
		number := 0
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			number += strings.Count(string(text), `failpoint.Inject("`+short+`"`)
		}
		require.Equal(t, 1, number, name)
	}
}

func TestEveryHostHasItsOwnAddresses(t *testing.T) {
	l := layout{net: 100}
	seen := map[string]string{}
	for _, name := range hosts() {
		for _, address := range []string{l.own(name, rpcPort), l.public(name, rpcPort)} {
			require.Empty(t, seen[address], address)
			seen[address] = name
		}
	}
	require.Empty(t, seen[l.endpoint()])
	require.Len(t, l.dialFrom(), len(hosts()))
	for _, name := range servers() {
		args := strings.Join(l.args(name, "/data", false), " ")
		require.Contains(t, args, "--local-address="+l.ip(name)+" "+roleOf(name)+" --id="+name)
		require.NotContains(t, args, "--rejoin")
		for _, other := range servers() {
			// What a host knows of another is where the proxies are.
			if other != name {
				require.NotContains(t, args, l.ip(other)+":")
			}
		}
	}
	require.Contains(t, l.args("metadata-2", "/data", true), "--rejoin")
	require.NotContains(t, l.args("frontend-1", "/data", true), "--rejoin")
}
