// Package witness reads what the processes of a cluster log, and holds raft's promises against it: one leader per group and
// term, equal states at equal places of the log (raft paper, figure 3). From the same lines it knows who leads and who has
// the virtual IP, and tells both as moments of a story.
//
// The main type is [Witness]. It serves the simulator and real processes alike: it sees text and nothing else.
package witness
