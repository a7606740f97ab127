package journal

import (
	"fmt"
	"os"
)

// ReadBootID asks the kernel. It stays the same until the next boot.
func ReadBootID() (BootID, error) {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return BootID{}, fmt.Errorf("boot id: %w", err)
	}
	return ParseBootID(string(data))
}
