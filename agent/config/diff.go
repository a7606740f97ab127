package config

// Changed returns the names of the keys that differ between two configurations, in
// the order of [Config.Render].
func Changed(a, b *Config) []string {
	var names []string
	for _, k := range keys {
		if k.get(a) != k.get(b) {
			names = append(names, k.name)
		}
	}
	return names
}
