extension Directory {
    /// Removes a name and all below it, by descriptors and never through a link.
    ///
    /// What is gone already does not matter; the first thing that stays is thrown. Directories of
    /// other users are unmasked, where that is permitted. However deep
    /// the tree is, two descriptors do: directories in it are renamed up to its top before their
    /// turn comes.
    public borrowing func removeTree(_ path: Path) throws(SystemError) {
        guard try status(of: path)?.kind == .directory else {
            try ifThere { () throws(SystemError) in try remove(path) }
            return
        }
        let opened = try ifThere { () throws(SystemError) in try unmaskedDirectory(path) }
        guard let tree = opened else { return }
        var pending = try tree.removeFiles()
        var number = 0
        while let name = pending.popLast() {
            try ifThere { () throws(SystemError) in
                let inner = try tree.unmaskedDirectory(name)
                for child in try inner.removeFiles() {
                    if let raised = try inner.removeOrRaise(child, to: tree, from: &number) {
                        pending.append(raised)
                    }
                }
                try tree.removeDirectory(name)
            }
        }
        try ifThere { () throws(SystemError) in try removeDirectory(path) }
    }

    private borrowing func unmaskedDirectory(_ name: Path) throws(SystemError) -> Directory {
        _ = try unmask(name)
        return try directory(name)
    }

    /// Removes all but the directories, which it gives.
    private borrowing func removeFiles() throws(SystemError) -> [Path] {
        var directories: [Path] = []
        for name in try names() {
            if try status(of: name)?.kind == .directory {
                directories.append(name)
            } else {
                try ifThere { () throws(SystemError) in try remove(name) }
            }
        }
        return directories
    }

    /// Removes a directory that is empty; gives any other the first number free in `tree`, from
    /// `number` on, as its name there.
    private borrowing func removeOrRaise(
        _ name: Path, to tree: borrowing Directory, from number: inout Int
    ) throws(SystemError) -> Path? {
        do throws(SystemError) {
            try removeDirectory(name)
            return nil
        } catch {
            if error.isNotFound { return nil }
            guard error.code == .notEmpty || error.code == .exists else { throw error }
        }
        // Who moves a directory elsewhere changes it.
        _ = try unmask(name)
        while true {
            let raised = Path("\(number)")
            number += 1
            do throws(SystemError) {
                try rename(name, to: tree, raised)
                return raised
            } catch {
                if error.isNotFound { return nil }
                guard error.code == .exists else { throw error }
            }
        }
    }
}

/// What `body` gives; nil where what it names is not there.
@discardableResult
private func ifThere<Result: ~Copyable>(
    _ body: () throws(SystemError) -> Result
) throws(SystemError) -> Result? {
    do throws(SystemError) {
        return try body()
    } catch {
        guard error.isNotFound else { throw error }
        return nil
    }
}
