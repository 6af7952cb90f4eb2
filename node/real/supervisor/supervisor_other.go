//go:build !unix

package supervisor

import (
	"errors"
	"fmt"

	"chasqui/node"
)

// Supervisor cannot be had on this system: New always returns an error.
type Supervisor struct{}

// New returns an error for which errors.Is(err, errors.ErrUnsupported) holds.
func New(node.Host, Config) (*Supervisor, error) {
	return nil, fmt.Errorf("run child processes on this system: %w", errors.ErrUnsupported)
}

// Start returns ErrStopped.
func (s *Supervisor) Start(Child) error { return ErrStopped }

// Statuses returns nothing.
func (s *Supervisor) Statuses() []Status { return nil }

// StopChild returns ErrStopped.
func (s *Supervisor) StopChild(string) error { return ErrStopped }

// Stop does nothing.
func (s *Supervisor) Stop() error { return nil }
