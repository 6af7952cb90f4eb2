package supervisor

import "syscall"

// processAttributes puts a child into a process group of its own and has the kernel kill it when the thread that
// started it ends, which is when the supervisor is gone.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
