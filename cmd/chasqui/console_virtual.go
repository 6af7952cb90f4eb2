//go:build wasip1

package main

// consoleCommands is empty: see console_real.go.
type consoleCommands struct{}
