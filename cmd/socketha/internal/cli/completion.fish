# Completion of socketha for fish. Save it as
#   ~/.config/fish/completions/socketha.fish
function __socketha_complete
	set -l before (commandline -opc)
	set -l current (commandline -ct)
	for line in ($before[1] __complete $before[2..] "$current" 2>/dev/null)
		if test "$line" = ":files"
			__fish_complete_path "$current"
		else
			echo $line
		end
	end
end
complete -c socketha -f -a "(__socketha_complete)"
