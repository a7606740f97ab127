#compdef socketha
# Completion of socketha for zsh. In ~/.zshrc, after compinit:
#   source <(socketha completion zsh)
# or save it as _socketha in a folder of $fpath.
_socketha() {
	local line
	local -a candidates
	for line in "${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
		if [[ $line == ":files" ]]; then
			_files
		elif [[ -n $line ]]; then
			candidates+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
		fi
	done
	(( $#candidates )) && _describe -t words socketha candidates
}
if [[ $funcstack[1] == _socketha ]]; then
	_socketha "$@"
else
	compdef _socketha socketha
fi
