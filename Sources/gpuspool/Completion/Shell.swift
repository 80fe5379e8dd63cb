internal import Linux

/// A shell that completes commands, and the script that teaches it. The scripts ask the program
/// itself (`gpuspool complete`): one table answers all of them.
enum Shell: String, CaseIterable {
    case bash
    case zsh
    case fish

    /// Where it finds the script by itself, below a prefix.
    var place: Path {
        switch self {
        case .bash: "share/bash-completion/completions/gpuspool"
        case .zsh: "share/zsh/site-functions/_gpuspool"
        case .fish: "share/fish/vendor_completions.d/gpuspool.fish"
        }
    }

    var script: String {
        switch self {
        case .bash: Shell.bashScript
        case .zsh: Shell.zshScript
        case .fish: Shell.fishScript
        }
    }

    // Bash splits words at `=` and `:` too, and replaces only what stands behind the last of them.
    private static let bashScript = #"""
        # Completion of gpuspool for Bash; from: gpuspool completion bash
        _gpuspool() {
            local program=${1/#\~\//$HOME/} typed=${COMP_LINE:0:COMP_POINT}
            local word=${typed##*[[:blank:]]} kind candidate
            local cut=${word%"${word##*[=:]}"}
            COMPREPLY=()
            {
                read -r kind
                while IFS=$'\t' read -r candidate _; do
                    printf -v candidate %q "$candidate"
                    COMPREPLY+=("${candidate#"$cut"}")
                done
            } < <("$program" complete --line "$typed" 2>/dev/null)
            case $kind in
            files) mapfile -t COMPREPLY < <(compgen -f -- "${word#"$cut"}") ;;
            directories) mapfile -t COMPREPLY < <(compgen -d -- "${word#"$cut"}") ;;
            esac
            case $kind in files | directories) compopt -o filenames 2>/dev/null ;; esac
            case ${#COMPREPLY[@]}${COMPREPLY[0]} in 1*=) compopt -o nospace 2>/dev/null ;; esac
        }
        complete -F _gpuspool gpuspool

        """#

    private static let zshScript = #"""
        #compdef gpuspool
        # Completion of gpuspool for zsh; from: gpuspool completion zsh
        _gpuspool() {
            local line
            local -a answer candidates
            answer=("${(@f)$($words[1] complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
            case $answer[1] in
            files | directories)
                [[ $PREFIX == --*=* ]] && compset -P '*='
                if [[ $answer[1] == files ]]; then _files; else _files -/; fi
                return
                ;;
            esac
            for line in "${(@)answer[2,-1]}"; do
                candidates+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
            done
            _describe gpuspool candidates
        }
        if [[ $funcstack[1] == _gpuspool ]]; then
            _gpuspool "$@"
        else
            compdef _gpuspool gpuspool
        fi

        """#

    private static let fishScript = #"""
        # Completion of gpuspool for fish; from: gpuspool completion fish
        function __gpuspool_complete
            set -l words (commandline -opc) (commandline -ct)
            set -l answer ($words[1] complete -- $words[2..-1] 2>/dev/null)
            switch "$answer[1]"
                case files
                    __fish_complete_path (commandline -ct)
                case directories
                    __fish_complete_directories (commandline -ct)
                case '*'
                    printf '%s\n' $answer[2..-1]
            end
        end
        complete -c gpuspool -f -a '(__gpuspool_complete)'

        """#
}
