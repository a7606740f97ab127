package role

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// This file reads what FRR's vrrpd answers to "show vrrp json" (vrrp_vty.c,
// vrrp_build_json). It is pure.

// virtualRouter is one element of the answer, with what is needed of it.
type virtualRouter struct {
	VRID      int          `json:"vrid"`
	Interface string       `json:"interface"`
	Shutdown  bool         `json:"shutdown"`
	V4        vrrpInstance `json:"v4"`
	V6        vrrpInstance `json:"v6"`
}

// vrrpInstance is its half for one address family. vrrpd lists both always; one without
// addresses never leaves Initialize.
type vrrpInstance struct {
	Status    string   `json:"status"`
	Addresses []string `json:"addresses"`
}

// maxRouters bounds the virtual routers of one answer.
const maxRouters = 512

var errRouters = errors.New("not a list of virtual routers")

// parseVRRP reads the answer.
func parseVRRP(data []byte) ([]virtualRouter, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	var routers []virtualRouter
	if err := d.Decode(&routers); err != nil {
		return nil, fmt.Errorf("%w: %w", errRouters, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) || routers == nil {
		return nil, errRouters
	}
	if len(routers) > maxRouters {
		return nil, fmt.Errorf("%w: it has %d, at most %d are read", errRouters, len(routers), maxRouters)
	}
	return routers, nil
}

// judgeVRRP says what the virtual routers mean where one interface and one id
// count; empty and 0 mean all.
func judgeVRRP(routers []virtualRouter, ifname string, vrid int) report {
	var votes []vote
	for _, r := range routers {
		if r.Shutdown || ifname != "" && r.Interface != ifname || vrid != 0 && r.VRID != vrid {
			continue
		}
		for _, half := range []struct {
			family string
			vrrpInstance
		}{{"IPv4", r.V4}, {"IPv6", r.V6}} {
			if len(half.Addresses) == 0 {
				continue
			}
			name := fmt.Sprintf("%s VRID %d on %s", half.family, r.VRID, shown(r.Interface))
			votes = append(votes, vote{name, shown(half.Status), frrState(half.Status)})
		}
	}
	if len(votes) == 0 {
		return silence("vrrpd has no virtual router that counts")
	}
	return agree(votes)
}

func frrState(status string) HA {
	switch status {
	case "Master":
		return Active
	case "Backup":
		return Standby
	}
	return Unknown // Initialize: it takes no part
}
