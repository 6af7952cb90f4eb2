//go:build unix && !linux

package supervisor

import "syscall"

// processAttributes puts a child into a process group of its own. Only Linux can tie its life to the supervisor's:
// elsewhere the children of a supervisor that was killed go on and have to be ended by hand.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
